output "repository_url" {
  description = "Where images are pushed: the reference without a tag."
  value       = aws_ecr_repository.this.repository_url
}

output "repository_arn" {
  description = "ARN of the repository, for policies of those who pull."
  value       = aws_ecr_repository.this.arn
}
