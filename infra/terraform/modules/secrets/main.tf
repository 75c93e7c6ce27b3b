# Places for secrets, and the right to read exactly those. Terraform never knows a value: an entry is made empty and filled
# by whoever has the value (`aws secretsmanager put-secret-value`), because what Terraform reads or writes is in its state.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  # NAME#KEY is one key of a JSON object; all that name the same secret share its entry.
  secrets = { for variable, place in var.secrets : variable => {
    name = split("#", place)[0]
    key  = try(split("#", place)[1], "")
  } }
  names = toset([for place in values(local.secrets) : place.name])
  keys  = { for name in local.names : name => sort(distinct([for place in values(local.secrets) : place.key if place.name == name && place.key != ""])) }

  parameter_begin = "arn:${data.aws_partition.current.partition}:ssm:${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}:parameter"
  parameter_arns  = { for path in toset(values(var.parameters)) : path => "${local.parameter_begin}${path}" }
}

resource "aws_secretsmanager_secret" "this" {
  #checkov:skip=CKV2_AWS_57:what others give out (client secrets of identity providers) is renewed at their place, and the app takes it over within minutes
  for_each = local.names

  name                    = each.key
  description             = length(local.keys[each.key]) == 0 ? "A secret of ${var.name}" : "Secrets of ${var.name}, a JSON object: ${join(", ", local.keys[each.key])}"
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.recovery_days
}

data "aws_iam_policy_document" "read" {
  dynamic "statement" {
    for_each = length(local.names) > 0 ? [true] : []

    content {
      sid       = "ReadSecrets"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = [for name in local.names : aws_secretsmanager_secret.this[name].arn]
    }
  }

  dynamic "statement" {
    for_each = length(local.parameter_arns) > 0 ? [true] : []

    content {
      sid       = "ReadParameters"
      actions   = ["ssm:GetParameter", "ssm:GetParameters"]
      resources = values(local.parameter_arns)
    }
  }

  statement {
    sid       = "DecryptThem"
    actions   = ["kms:Decrypt"]
    resources = [var.kms_key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = [for service in ["secretsmanager", "ssm"] : "${service}.${data.aws_region.current.name}.amazonaws.com"]
    }
  }
}
