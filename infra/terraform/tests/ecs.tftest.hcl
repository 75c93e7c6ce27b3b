# What containers are, and what is refused before anything is made.

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
  name               = "films-stage"
  kms_key_arn        = "arn:aws:kms:eu-central-1:123456789012:key/1"
  image              = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/films:1"
  repository_arn     = "arn:aws:ecr:eu-central-1:123456789012:repository/films"
  vpc_id             = "vpc-1"
  public_subnet_ids  = ["subnet-1", "subnet-2"]
  private_subnet_ids = ["subnet-3", "subnet-4"]
  domain             = "api.example.com"
  certificate_arn    = "arn:aws:acm:eu-central-1:123456789012:certificate/1"
  settings           = { FILMS_ENV = "stage" }
  secrets            = { FILMS_KEY = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:films-1:key::" }
}

run "a_container_is_not_root_writes_nothing_and_gets_secrets_from_elsewhere" {
  command = plan

  module {
    source = "../modules/ecs"
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.app.container_definitions)[0].readonlyRootFilesystem
    error_message = "its root file system is read-only"
  }

  assert {
    condition     = length(aws_ecs_task_definition.app.volume) == 0
    error_message = "and there is none beside it, which would be root's"
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.app.container_definitions)[0].user == "65532:65532"
    error_message = "it is not root"
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.app.container_definitions)[0].secrets == [{ name = "FILMS_KEY", valueFrom = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:films-1:key::" }]
    error_message = "a secret is a place, not a value"
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.app.container_definitions)[0].environment == [{ name = "FILMS_ENV", value = "stage" }]
    error_message = "settings are variables"
  }
}

run "port_80_only_says_where_to_go_instead" {
  command = plan

  module {
    source = "../modules/ecs"
  }

  assert {
    condition     = aws_lb_listener.http.default_action[0].type == "redirect" && aws_lb_listener.http.default_action[0].redirect[0].protocol == "HTTPS"
    error_message = "plain HTTP is redirected"
  }
}

run "root_is_refused" {
  command = plan

  module {
    source = "../modules/ecs"
  }

  variables {
    user = "0"
  }

  expect_failures = [var.user]
}

run "a_balancer_takes_a_certificate" {
  command = plan

  module {
    source = "../modules/ecs"
  }

  variables {
    certificate_arn = ""
  }

  expect_failures = [var.certificate_arn]
}
