# What the function may do: write its log, join the network if it has to, and what `policies` say.

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "function" {
  name               = "${var.name}-function"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

# AWSLambdaBasicExecutionRole, for this function's log alone; the group is Terraform's.
data "aws_iam_policy_document" "basic" {
  statement {
    sid       = "WriteLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.function.arn}:log-stream:*"]
  }
}

resource "aws_iam_role_policy" "basic" {
  name   = "basic-execution"
  role   = aws_iam_role.function.id
  policy = data.aws_iam_policy_document.basic.json
}

# AWSLambdaVPCAccessExecutionRole, which Lambda uses to join the network, and which the code itself is denied.
data "aws_iam_policy_document" "network" {
  #checkov:skip=CKV_AWS_111:Lambda asks for these without naming a resource; the code is denied them below
  #checkov:skip=CKV_AWS_356:Describe knows no resource, and Lambda names none for the others
  statement {
    sid = "JoinNetwork"
    actions = [
      "ec2:AssignPrivateIpAddresses",
      "ec2:CreateNetworkInterface",
      "ec2:DeleteNetworkInterface",
      "ec2:DescribeNetworkInterfaces",
      "ec2:DescribeSubnets",
      "ec2:UnassignPrivateIpAddresses",
    ]
    resources = ["*"]
  }

  statement {
    sid    = "NotTheCodeItself"
    effect = "Deny"
    actions = [
      "ec2:AssignPrivateIpAddresses",
      "ec2:CreateNetworkInterface",
      "ec2:DeleteNetworkInterface",
      "ec2:DescribeNetworkInterfaces",
      "ec2:DescribeSubnets",
      "ec2:UnassignPrivateIpAddresses",
    ]
    resources = ["*"]

    condition {
      test     = "ArnEquals"
      variable = "lambda:SourceFunctionArn"
      values   = [local.function_arn]
    }
  }
}

resource "aws_iam_role_policy" "network" {
  count = local.in_vpc ? 1 : 0

  name   = "network"
  role   = aws_iam_role.function.id
  policy = data.aws_iam_policy_document.network.json
}

resource "aws_iam_role_policy" "app" {
  for_each = var.policies

  name   = each.key
  role   = aws_iam_role.function.id
  policy = each.value
}
