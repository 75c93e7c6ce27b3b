# What the function and API Gateway are, and what is refused before anything is made.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_data "aws_region" {
    defaults = { name = "eu-central-1" }
  }

  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Statement\": []}" }
  }

  mock_data "aws_availability_zones" {
    defaults = { names = ["eu-central-1a", "eu-central-1b", "eu-central-1c"] }
  }
}

variables {
  name        = "films-stage"
  kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/1"
  image       = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/films:1"
  issuers     = [{ issuer = "https://a.example.com", audiences = ["films"] }]
}

run "the_only_issuer_is_checked_on_every_route_but_the_public_ones" {
  command = plan

  module {
    source = "../modules/lambda"
  }

  variables {
    public_routes = ["GET /docs"]
  }

  assert {
    condition     = aws_apigatewayv2_route.default.authorization_type == "JWT"
    error_message = "a route that nobody named takes a token"
  }

  assert {
    condition     = aws_apigatewayv2_authorizer.jwt[0].jwt_configuration[0].issuer == "https://a.example.com"
    error_message = "its issuer is that of the app"
  }

  assert {
    condition     = aws_apigatewayv2_authorizer.jwt[0].jwt_configuration[0].audience == toset(["films"])
    error_message = "its audience is that of the app"
  }

  assert {
    condition     = keys(aws_apigatewayv2_route.public) == ["GET /docs"] && aws_apigatewayv2_route.public["GET /docs"].authorization_type == "NONE"
    error_message = "public routes take none"
  }
}

run "several_issuers_need_a_choice" {
  command = plan

  module {
    source = "../modules/lambda"
  }

  variables {
    issuers = [
      { issuer = "https://a.example.com", audiences = ["films"] },
      { issuer = "https://b.example.com", audiences = ["films"] },
    ]
  }

  expect_failures = [aws_apigatewayv2_route.default]
}

run "an_unknown_issuer_is_no_choice" {
  command = plan

  module {
    source = "../modules/lambda"
  }

  variables {
    gateway_issuer = "https://c.example.com"
  }

  expect_failures = [aws_apigatewayv2_authorizer.jwt]
}

run "a_function_is_an_image_or_a_zip" {
  command = plan

  module {
    source = "../modules/lambda"
  }

  variables {
    image = null
  }

  expect_failures = [aws_lambda_function.this]
}

run "a_zip_is_run_as_its_bootstrap" {
  command = plan

  module {
    source = "../modules/lambda"
  }

  variables {
    image = null
    # Any file: what is planned is its hash.
    zip = "versions.tf"
  }

  assert {
    condition     = aws_lambda_function.this.package_type == "Zip" && aws_lambda_function.this.handler == "bootstrap"
    error_message = "a zip has the binary as bootstrap"
  }

  assert {
    condition     = aws_lambda_function.this.runtime == "provided.al2023" && aws_lambda_function.this.source_code_hash == filebase64sha256("versions.tf")
    error_message = "another file is another function"
  }
}

run "an_image_is_named_with_its_tag" {
  command = plan

  module {
    source = "../modules/lambda"
  }

  variables {
    image = "films"
  }

  expect_failures = [var.image]
}

run "a_domain_takes_a_certificate" {
  command = plan

  module {
    source = "../modules/lambda"
  }

  variables {
    domain = "api.example.com"
  }

  expect_failures = [var.certificate_arn]
}

run "a_domain_is_the_only_address" {
  command = plan

  module {
    source = "../modules/lambda"
  }

  variables {
    domain          = "api.example.com"
    certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/1"
    zone_id         = "Z1"
  }

  override_resource {
    target = aws_apigatewayv2_domain_name.this
    values = { domain_name_configuration = { target_domain_name = "d.execute-api.eu-central-1.amazonaws.com", hosted_zone_id = "Z2" } }
  }

  assert {
    condition     = aws_apigatewayv2_api.this.disable_execute_api_endpoint && output.url == "https://api.example.com"
    error_message = "the address of API Gateway does not answer beside it"
  }

  assert {
    condition     = aws_route53_record.this[0].name == "api.example.com"
    error_message = "the zone has its record"
  }
}

run "a_function_joins_a_network_only_where_it_has_to" {
  command = plan

  module {
    source = "../modules/lambda"
  }

  assert {
    condition     = length(aws_security_group.function) == 0 && length(aws_iam_role_policy.network) == 0
    error_message = "without subnets there is no group, and no right to join a network"
  }
}
