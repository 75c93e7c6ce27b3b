output "repository_url" {
  description = "Where images are pushed."
  value       = module.registry.repository_url
}

output "url" {
  description = "Where the app answers."
  value       = var.domain == "" ? "" : "https://${var.domain}"
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
  value       = module.eks.role_arn
}

output "database" {
  description = "The PostgreSQL, for those who prepare it; null without one."
  value       = module.data.database
}

output "redis" {
  description = "The Valkey: its user, which somebody has to give a password and switch on, its address, and the secret that the address belongs into; null without one."
  value       = var.redis ? merge(module.data.redis, { secret = local.secrets[local.redis] }) : null
}

output "cluster_name" {
  description = "Name of the cluster, for aws eks update-kubeconfig."
  value       = module.eks.cluster_name
}

output "namespace" {
  description = "Namespace that the app runs in."
  value       = module.eks.namespace
}

output "service_account" {
  description = "Service account that the app runs as."
  value       = module.eks.service_account
}

output "oidc_provider_arn" {
  description = "ARN of the provider that knows the cluster's service accounts."
  value       = module.eks.oidc_provider_arn
}

output "image" {
  description = "Reference of the image, for the app's overlay of infra/kubernetes."
  value       = var.image
}

output "issuers" {
  description = "Identity providers and audiences, for the gateway of infra/kubernetes."
  value       = var.issuers
}
