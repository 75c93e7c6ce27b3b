# Valkey (the open continuation of Redis), encrypted on the way and at rest. Its one user is made switched off: a password
# in Terraform would be in the state, so `tollgate deploy apply` makes one and switches the user on (docs/guide/deploy).

resource "aws_elasticache_subnet_group" "this" {
  count = var.redis ? 1 : 0

  name       = var.name
  subnet_ids = var.subnet_ids
}

resource "aws_security_group" "redis" {
  #checkov:skip=CKV2_AWS_5:the cache below is in it
  count = var.redis ? 1 : 0

  name        = "${var.name}-redis"
  description = "Valkey, for those who are named"
  vpc_id      = var.vpc_id
  tags        = { Name = "${var.name}-redis" }
}

resource "aws_vpc_security_group_ingress_rule" "redis" {
  for_each = var.redis ? var.clients : {}

  security_group_id            = aws_security_group.redis[0].id
  description                  = "Valkey from ${each.key}"
  ip_protocol                  = "tcp"
  from_port                    = 6379
  to_port                      = 6379
  referenced_security_group_id = each.value
}

resource "aws_elasticache_user" "app" {
  count = var.redis ? 1 : 0

  user_id       = "${var.name}-app"
  user_name     = "app"
  engine        = "valkey"
  access_string = "off ~* -@all"

  authentication_mode {
    type = "no-password-required"
  }

  lifecycle {
    ignore_changes = [access_string, authentication_mode, no_password_required, passwords]
  }
}

resource "aws_elasticache_user_group" "this" {
  count = var.redis ? 1 : 0

  user_group_id = var.name
  engine        = "valkey"
  user_ids      = [aws_elasticache_user.app[0].user_id]
}

resource "aws_elasticache_replication_group" "this" {
  count = var.redis ? 1 : 0

  replication_group_id       = var.name
  description                = "What instances of ${var.name} share"
  engine                     = "valkey"
  engine_version             = var.redis_version
  node_type                  = var.redis_node_type
  num_cache_clusters         = 2
  automatic_failover_enabled = true
  multi_az_enabled           = true
  subnet_group_name          = aws_elasticache_subnet_group.this[0].name
  security_group_ids         = [aws_security_group.redis[0].id]
  user_group_ids             = [aws_elasticache_user_group.this[0].user_group_id]
  at_rest_encryption_enabled = true
  transit_encryption_enabled = true
  kms_key_id                 = var.kms_key_arn
  auto_minor_version_upgrade = true
  apply_immediately          = true
}
