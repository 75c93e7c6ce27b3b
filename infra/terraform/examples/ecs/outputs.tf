output "repository_url" {
  description = "Where images are pushed."
  value       = module.registry.repository_url
}

output "url" {
  description = "Where the app answers."
  value       = module.ecs.url
}

output "secret_names" {
  description = "Secrets that somebody has to fill; that of the Valkey is not among them."
  value       = [for name in module.secrets.names : name if name != lookup(local.secrets, local.redis, "")]
}

output "parameter_names" {
  description = "Parameters that somebody has to put."
  value       = module.secrets.parameter_names
}

output "settings" {
  description = "Variables of the app; in place of secrets, references to where they are."
  value       = merge(local.settings, module.secrets.references)
}

output "role_arn" {
  description = "ARN of the role that the app runs as; MongoDB Atlas lets it in by this name."
  value       = module.ecs.role_arn
}

output "database" {
  description = "The PostgreSQL, for those who prepare it; null without one."
  value       = module.data.database
}

output "redis" {
  description = "The Valkey: its user, which somebody has to give a password and switch on, its address, and the secret that the address belongs into; null without one."
  value       = var.redis ? merge(module.data.redis, { secret = local.secrets[local.redis] }) : null
}

output "address" {
  description = "Name that the domain's record points to, where DNS is kept elsewhere."
  value       = module.ecs.address
}

output "cluster_name" {
  description = "Name of the cluster."
  value       = module.ecs.cluster_name
}

output "service_name" {
  description = "Name of the service."
  value       = module.ecs.service_name
}

output "task_definition" {
  description = "ARN of the task definition, for single runs such as migrate run."
  value       = module.ecs.task_definition
}

output "network" {
  description = "Where such runs take place."
  value       = module.ecs.network
}
