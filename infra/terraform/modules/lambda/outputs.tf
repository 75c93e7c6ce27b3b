output "url" {
  description = "Where the app answers."
  value       = local.url
}

output "address" {
  description = "Name that the domain's record points to, where DNS is kept elsewhere; null without a domain."
  value       = one(aws_apigatewayv2_domain_name.this[*].domain_name_configuration[0].target_domain_name)
}

output "function_name" {
  description = "Name of the function."
  value       = aws_lambda_function.this.function_name
}

output "role_arn" {
  description = "ARN of the role that the app runs as."
  value       = aws_iam_role.function.arn
}

output "security_group_id" {
  description = "Id of the function's security group; null outside of any network."
  value       = one(aws_security_group.function[*].id)
}

output "log_group" {
  description = "Name of the group that the app's log is in."
  value       = aws_cloudwatch_log_group.function.name
}

output "alarms" {
  description = "What is worth telling, for the module monitoring."
  value = {
    api-5xx = {
      description = "Answers with 5xx in a minute"
      namespace   = "AWS/ApiGateway"
      metric      = "5xx"
      dimensions  = { ApiId = aws_apigatewayv2_api.this.id }
      statistic   = "Sum"
      threshold   = 5
    }
    api-latency = {
      description = "Milliseconds until the answer, for the slowest of a hundred"
      namespace   = "AWS/ApiGateway"
      metric      = "Latency"
      dimensions  = { ApiId = aws_apigatewayv2_api.this.id }
      statistic   = "p99"
      threshold   = 2000
    }
    function-errors = {
      description = "Calls that failed in a minute"
      namespace   = "AWS/Lambda"
      metric      = "Errors"
      dimensions  = { FunctionName = var.name }
      statistic   = "Sum"
      threshold   = 1
    }
    function-throttles = {
      description = "Calls that found no instance in a minute"
      namespace   = "AWS/Lambda"
      metric      = "Throttles"
      dimensions  = { FunctionName = var.name }
      statistic   = "Sum"
      threshold   = 1
    }
  }
}
