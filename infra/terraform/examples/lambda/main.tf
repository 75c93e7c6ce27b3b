# The app as a Lambda function behind API Gateway. The registry comes first (terraform apply -target=module.registry), then
# the image, then the rest.

locals {
  full_name = "${var.name}-${var.environment}"
  tags      = merge({ app = var.name, environment = var.environment, managed-by = "terraform" }, var.tags)
  # As the app reads it: films-api is FILMS_API_….
  prefix  = upper(replace(var.name, "/[^A-Za-z0-9]/", "_"))
  mongodb = var.mongodb_database == "" ? "${local.prefix}_DATABASE__URL" : "${local.prefix}_DATABASES__${upper(replace(var.mongodb_database, "-", "_"))}__URL"
  # Without a database here, the function needs no network of ours.
  in_network = var.postgres || var.redis
  # The address of the Valkey has a password in it, so that it is a secret, with a place of its own unless `secrets` names one.
  redis   = "${local.prefix}_REDIS__URL"
  secrets = merge(var.redis ? { (local.redis) = "${var.name}/${var.environment}/redis" } : {}, var.secrets)
  settings = merge(
    { "${local.prefix}_ENV" = var.environment },
    var.postgres ? { "${local.prefix}_DATABASE__URL" = module.data.postgres_url } : {},
    var.mongodb_host == "" ? {} : { (local.mongodb) = "mongodb+srv://${var.mongodb_host}" },
    var.settings,
  )
  policies = merge(
    length(local.secrets) + length(var.parameters) > 0 ? { secrets = module.secrets.policy } : {},
    var.postgres ? { postgres = module.data.connect_policy } : {},
  )
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
  lambda    = true
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
  count  = local.in_network ? 1 : 0

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
  vpc_id             = local.in_network ? module.network[0].vpc_id : null
  subnet_ids         = local.in_network ? module.network[0].private_subnet_ids : []
  clients            = local.in_network ? { app = module.lambda.security_group_id } : {}
}

module "lambda" {
  source = "../../modules/lambda"

  name                 = local.full_name
  image                = var.image
  architecture         = var.architecture
  settings             = merge(local.settings, module.secrets.references)
  public_url_variable  = "${local.prefix}_SERVER__PUBLIC_URL"
  policies             = local.policies
  memory               = var.memory
  timeout_seconds      = var.timeout_seconds
  reserved_concurrency = var.reserved_concurrency
  issuers              = var.issuers
  gateway_issuer       = var.gateway_issuer
  public_routes        = var.public_routes
  domain               = var.domain
  certificate_arn      = var.certificate_arn
  zone_id              = var.zone_id
  vpc_id               = local.in_network ? module.network[0].vpc_id : null
  subnet_ids           = local.in_network ? module.network[0].private_subnet_ids : []
  egress               = local.egress
  kms_key_arn          = module.encryption.key_arn
  log_retention_days   = var.log_retention_days
}

module "monitoring" {
  source = "../../modules/monitoring"

  name        = local.full_name
  kms_key_arn = module.encryption.key_arn
  emails      = var.alarm_emails
  alarms      = merge(module.lambda.alarms, module.data.alarms)
}
