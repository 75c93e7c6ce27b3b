# The app as a Lambda function: the same binary, which notices where it is.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  # Known before the function is, so that roles can name it.
  function_arn = "arn:${data.aws_partition.current.partition}:lambda:${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}:function:${var.name}"
  is_image     = var.image != null
  in_vpc       = length(var.subnet_ids) > 0
}

resource "aws_cloudwatch_log_group" "function" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_security_group" "function" {
  #checkov:skip=CKV2_AWS_5:the function below is in it
  count = local.in_vpc ? 1 : 0

  name        = "${var.name}-function"
  description = "The function: nothing comes in, since Lambda does not call it over the network"
  vpc_id      = var.vpc_id
  tags        = { Name = "${var.name}-function" }
}

resource "aws_vpc_security_group_egress_rule" "function" {
  for_each = local.in_vpc ? var.egress : {}

  security_group_id = aws_security_group.function[0].id
  description       = each.key
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
  cidr_ipv4         = each.value.cidr
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_50:traces are sent over OTLP, with the route and the parts of a request (telemetry.traces)
  #checkov:skip=CKV_AWS_115:reserved_concurrency is a variable; unreserved is the account's own limit
  #checkov:skip=CKV_AWS_116:API Gateway calls it and waits for the answer; nothing is ever queued
  #checkov:skip=CKV_AWS_117:in the network where subnet_ids are given, which a database there takes
  #checkov:skip=CKV_AWS_272:what runs is an image named by its digest, or a zip whose hash Terraform compares
  function_name                  = var.name
  role                           = aws_iam_role.function.arn
  package_type                   = local.is_image ? "Image" : "Zip"
  image_uri                      = var.image
  filename                       = local.is_image ? null : var.zip
  source_code_hash               = local.is_image ? null : filebase64sha256(var.zip)
  runtime                        = local.is_image ? null : "provided.al2023"
  handler                        = local.is_image ? null : "bootstrap"
  architectures                  = [var.architecture]
  memory_size                    = var.memory
  timeout                        = var.timeout_seconds
  reserved_concurrent_executions = var.reserved_concurrency
  kms_key_arn                    = var.kms_key_arn

  environment {
    variables = merge(var.public_url_variable == null ? {} : { (var.public_url_variable) = local.url }, var.settings)
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.function.name
  }

  tracing_config {
    mode = "PassThrough"
  }

  dynamic "vpc_config" {
    for_each = local.in_vpc ? [true] : []

    content {
      subnet_ids         = var.subnet_ids
      security_group_ids = [aws_security_group.function[0].id]
    }
  }

  lifecycle {
    precondition {
      condition     = (var.image == null) != (var.zip == null)
      error_message = "A function is an image or a zip: give one of image and zip."
    }
  }

  depends_on = [aws_iam_role_policy.basic, aws_iam_role_policy.network]
}
