output "names" {
  description = "Names of the secrets, which are empty until somebody puts values."
  # Of what is made: Terraform says nothing of names alone while it is told to make the secrets and nothing else.
  value = sort(keys(aws_secretsmanager_secret.this))
}

output "parameter_names" {
  description = "Paths of the parameters that somebody has to put."
  value       = sort(keys(local.parameter_arns))
}

output "references" {
  description = "Variables of the app, and references with which the process fetches their values itself."
  value = merge(
    { for variable, place in var.secrets : variable => "secret:aws-sm:${place}" },
    { for variable, path in var.parameters : variable => "secret:aws-ssm:${path}" },
  )
}

output "injected" {
  description = "Variables of the app, and valueFrom of an ECS container, with which ECS fetches their values at the start."
  value = merge(
    { for variable, place in local.secrets : variable => place.key == "" ? aws_secretsmanager_secret.this[place.name].arn : "${aws_secretsmanager_secret.this[place.name].arn}:${place.key}::" },
    { for variable, path in var.parameters : variable => local.parameter_arns[path] },
  )
}

output "policy" {
  description = "IAM policy (JSON) that reads these and no others."
  value       = data.aws_iam_policy_document.read.json
}
