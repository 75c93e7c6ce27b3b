# API Gateway checks the bearer token before the function runs; the app checks it again. A route of API Gateway has one
# authorizer, and an authorizer one issuer: with several, `gateway_issuer` says whose tokens it checks, or that none are.

locals {
  issuers = { for issuer in var.issuers : issuer.issuer => issuer.audiences }
  checked = coalesce(var.gateway_issuer, length(local.issuers) == 1 ? keys(local.issuers)[0] : "none")
  is_open = local.checked == "none"
  url     = var.domain == "" ? aws_apigatewayv2_api.this.api_endpoint : "https://${var.domain}"
}

resource "aws_apigatewayv2_api" "this" {
  name                         = var.name
  protocol_type                = "HTTP"
  disable_execute_api_endpoint = var.domain != ""
}

resource "aws_apigatewayv2_authorizer" "jwt" {
  count = local.is_open ? 0 : 1

  api_id           = aws_apigatewayv2_api.this.id
  name             = "jwt"
  authorizer_type  = "JWT"
  identity_sources = ["$request.header.Authorization"]

  jwt_configuration {
    issuer   = local.checked
    audience = local.issuers[local.checked]
  }

  lifecycle {
    precondition {
      condition     = contains(keys(local.issuers), local.checked)
      error_message = "gateway_issuer is one of the issuers, or none."
    }
  }
}

resource "aws_apigatewayv2_integration" "function" {
  api_id                 = aws_apigatewayv2_api.this.id
  integration_type       = "AWS_PROXY"
  integration_uri        = aws_lambda_function.this.invoke_arn
  payload_format_version = "2.0"
  timeout_milliseconds   = min(var.timeout_seconds * 1000, 30000)
}

resource "aws_apigatewayv2_route" "default" {
  #checkov:skip=CKV_AWS_309:JWT, but for several issuers of which gateway_issuer names none: then the app alone checks tokens
  api_id             = aws_apigatewayv2_api.this.id
  route_key          = "$default"
  target             = "integrations/${aws_apigatewayv2_integration.function.id}"
  authorization_type = local.is_open ? "NONE" : "JWT"
  authorizer_id      = one(aws_apigatewayv2_authorizer.jwt[*].id)

  lifecycle {
    precondition {
      condition     = length(local.issuers) <= 1 || var.gateway_issuer != null
      error_message = "API Gateway checks tokens of one issuer. With several, say which in gateway_issuer, or \"none\" to leave checking to the app."
    }
  }
}

# Documentation, sign-in and what a browser asks before a request have no bearer token; the app still decides.
resource "aws_apigatewayv2_route" "public" {
  #checkov:skip=CKV_AWS_309:these are for people without a token; the app decides what they may see
  for_each = toset(local.is_open ? [] : var.public_routes)

  api_id             = aws_apigatewayv2_api.this.id
  route_key          = each.key
  target             = "integrations/${aws_apigatewayv2_integration.function.id}"
  authorization_type = "NONE"
}

resource "aws_cloudwatch_log_group" "gateway" {
  name              = "/aws/apigateway/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_apigatewayv2_stage" "default" {
  api_id      = aws_apigatewayv2_api.this.id
  name        = "$default"
  auto_deploy = true

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.gateway.arn
    format = jsonencode({
      request = "$context.requestId"
      time    = "$context.requestTime"
      address = "$context.identity.sourceIp"
      method  = "$context.httpMethod"
      route   = "$context.routeKey"
      status  = "$context.status"
      bytes   = "$context.responseLength"
      millis  = "$context.responseLatency"
      refused = "$context.authorizer.error"
      failed  = "$context.integrationErrorMessage"
    })
  }

  default_route_settings {
    throttling_rate_limit  = var.requests_per_second
    throttling_burst_limit = var.requests_per_second * 2
  }
}

resource "aws_lambda_permission" "gateway" {
  statement_id   = "api-gateway"
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.this.function_name
  principal      = "apigateway.amazonaws.com"
  source_arn     = "${aws_apigatewayv2_api.this.execution_arn}/*/*"
  source_account = data.aws_caller_identity.current.account_id
}

resource "aws_apigatewayv2_domain_name" "this" {
  count = var.domain == "" ? 0 : 1

  domain_name = var.domain

  domain_name_configuration {
    certificate_arn = var.certificate_arn
    endpoint_type   = "REGIONAL"
    security_policy = "TLS_1_2"
  }
}

resource "aws_apigatewayv2_api_mapping" "this" {
  count = var.domain == "" ? 0 : 1

  api_id      = aws_apigatewayv2_api.this.id
  domain_name = aws_apigatewayv2_domain_name.this[0].id
  stage       = aws_apigatewayv2_stage.default.id
}

resource "aws_route53_record" "this" {
  count = var.domain != "" && var.zone_id != "" ? 1 : 0

  zone_id = var.zone_id
  name    = var.domain
  type    = "A"

  alias {
    name                   = aws_apigatewayv2_domain_name.this[0].domain_name_configuration[0].target_domain_name
    zone_id                = aws_apigatewayv2_domain_name.this[0].domain_name_configuration[0].hosted_zone_id
    evaluate_target_health = false
  }
}
