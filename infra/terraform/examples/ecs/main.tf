# The app as containers on Fargate behind a balancer with TLS. The registry comes first (terraform apply
# -target=module.registry), then the image, then the rest.

locals {
  full_name = "${var.name}-${var.environment}"
  tags      = merge({ app = var.name, environment = var.environment, managed-by = "terraform" }, var.tags)
  # As the app reads it: films-api is FILMS_API_….
  prefix  = upper(replace(var.name, "/[^A-Za-z0-9]/", "_"))
  mongodb = var.mongodb_database == "" ? "${local.prefix}_DATABASE__URL" : "${local.prefix}_DATABASES__${upper(replace(var.mongodb_database, "-", "_"))}__URL"
  # The address of the Valkey has a password in it, so that it is a secret, with a place of its own unless `secrets` names one.
  redis   = "${local.prefix}_REDIS__URL"
  secrets = merge(var.redis ? { (local.redis) = "${var.name}/${var.environment}/redis" } : {}, var.secrets)
  settings = merge(
    { "${local.prefix}_ENV" = var.environment },
    {
      "${local.prefix}_SERVER__HOST"       = "0.0.0.0"
      "${local.prefix}_SERVER__PORT"       = tostring(var.port)
      "${local.prefix}_SERVER__PROXIES"    = "1"
      "${local.prefix}_SERVER__PUBLIC_URL" = "https://${var.domain}"
    },
    var.postgres ? { "${local.prefix}_DATABASE__URL" = module.data.postgres_url } : {},
    var.mongodb_host == "" ? {} : { (local.mongodb) = "mongodb+srv://${var.mongodb_host}" },
    var.settings,
  )
  policies = merge(
    var.inject_secrets ? {} : local.secrets_policy,
    var.postgres ? { postgres = module.data.connect_policy } : {},
  )
  # Whoever fetches the secrets may read them: ECS, or the app.
  secrets_policy = length(local.secrets) + length(var.parameters) > 0 ? { secrets = module.secrets.policy } : {}
  egress = merge(
    { "TLS to identity providers and AWS" = { port = 443, cidr = "0.0.0.0/0" } },
    var.mongodb_host == "" ? {} : { "MongoDB Atlas" = { port = 27017, cidr = "0.0.0.0/0" } },
    var.postgres ? { "PostgreSQL in the network" = { port = 5432, cidr = var.cidr } } : {},
    var.redis ? { "Valkey in the network" = { port = 6379, cidr = var.cidr } } : {},
  )
}

module "registry" {
  source = "../../modules/registry"

  name      = local.full_name
  protected = var.protected
}

module "encryption" {
  source = "../../modules/encryption"

  name = local.full_name
}

module "secrets" {
  source = "../../modules/secrets"

  name          = local.full_name
  secrets       = local.secrets
  parameters    = var.parameters
  kms_key_arn   = module.encryption.key_arn
  recovery_days = var.protected ? 30 : 0
}

module "network" {
  source = "../../modules/network"

  name               = local.full_name
  cidr               = var.cidr
  nat                = var.nat
  kms_key_arn        = module.encryption.key_arn
  log_retention_days = var.log_retention_days
}

module "data" {
  source = "../../modules/data"

  name               = local.full_name
  postgres           = var.postgres
  redis              = var.redis
  kms_key_arn        = module.encryption.key_arn
  log_retention_days = var.log_retention_days
  protected          = var.protected
  vpc_id             = module.network.vpc_id
  subnet_ids         = module.network.private_subnet_ids
  clients            = { app = module.ecs.security_group_id }
}

module "ecs" {
  source = "../../modules/ecs"

  name               = local.full_name
  image              = var.image
  repository_arn     = module.registry.repository_arn
  architecture       = var.architecture
  port               = var.port
  settings           = var.inject_secrets ? local.settings : merge(local.settings, module.secrets.references)
  secrets            = var.inject_secrets ? module.secrets.injected : {}
  injection_policies = var.inject_secrets ? local.secrets_policy : {}
  policies           = local.policies
  health_command     = var.health_command
  cpu                = var.cpu
  memory             = var.memory
  min_instances      = var.min_instances
  max_instances      = var.max_instances
  domain             = var.domain
  certificate_arn    = var.certificate_arn
  zone_id            = var.zone_id
  vpc_id             = module.network.vpc_id
  public_subnet_ids  = module.network.public_subnet_ids
  private_subnet_ids = module.network.private_subnet_ids
  egress             = local.egress
  kms_key_arn        = module.encryption.key_arn
  log_retention_days = var.log_retention_days
  protected          = var.protected
}

module "monitoring" {
  source = "../../modules/monitoring"

  name        = local.full_name
  kms_key_arn = module.encryption.key_arn
  emails      = var.alarm_emails
  alarms      = merge(module.ecs.alarms, module.data.alarms)
}
