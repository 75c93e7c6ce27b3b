output "postgres_url" {
  description = "Setting `database.url` of the app; null without a PostgreSQL."
  value       = var.postgres ? "postgres://${var.database_user}@${aws_rds_cluster.this[0].endpoint}:5432/${var.database}?iam=true&sslmode=verify-full&sslrootcert=${var.authorities}" : null
}

output "connect_policy" {
  description = "IAM policy (JSON) that signs in to PostgreSQL as the app's user and nobody else; null without a PostgreSQL."
  value       = var.postgres ? data.aws_iam_policy_document.connect[0].json : null
}

output "database" {
  description = "The PostgreSQL, for those who prepare it with the Data API; null without one. The statements make the app's user; a second time they change nothing."
  value = var.postgres ? {
    cluster_arn       = aws_rds_cluster.this[0].arn
    master_secret_arn = try(aws_rds_cluster.this[0].master_user_secret[0].secret_arn, "")
    name              = var.database
    first_statements = [
      "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${var.database_user}') THEN CREATE ROLE ${var.database_user} LOGIN; END IF; END $$",
      "GRANT rds_iam TO ${var.database_user}",
      "GRANT CREATE, CONNECT, TEMPORARY ON DATABASE ${var.database} TO ${var.database_user}",
      "GRANT USAGE, CREATE ON SCHEMA public TO ${var.database_user}",
    ]
  } : null
}

output "redis" {
  description = "The Valkey: its user, which somebody has to give a password and switch on, and its address; null without one."
  value = var.redis ? {
    user_id = aws_elasticache_user.app[0].user_id
    address = "rediss://app:PASSWORD@${aws_elasticache_replication_group.this[0].primary_endpoint_address}:6379"
  } : null
}

output "alarms" {
  description = "What is worth telling of them, for the module monitoring."
  value       = merge(var.postgres ? local.postgres_alarms : {}, var.redis ? local.redis_alarms : {})
}
