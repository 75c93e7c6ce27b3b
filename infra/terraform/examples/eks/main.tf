# A Kubernetes cluster with what the app needs around it; the app itself comes from infra/kubernetes, with the settings that
# are an output here. The registry comes first (terraform apply -target=module.registry), then the image, then the rest.

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
      "${local.prefix}_SERVER__HOST"    = "0.0.0.0"
      "${local.prefix}_SERVER__PORT"    = tostring(var.port)
      "${local.prefix}_SERVER__PROXIES" = "1"
    },
    var.domain == "" ? {} : { "${local.prefix}_SERVER__PUBLIC_URL" = "https://${var.domain}" },
    var.postgres ? { "${local.prefix}_DATABASE__URL" = module.data.postgres_url } : {},
    var.mongodb_host == "" ? {} : { (local.mongodb) = "mongodb+srv://${var.mongodb_host}" },
    var.settings,
  )
  policies = merge(
    length(local.secrets) + length(var.parameters) > 0 ? { secrets = module.secrets.policy } : {},
    var.postgres ? { postgres = module.data.connect_policy } : {},
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
  # Where Kubernetes puts balancers.
  public_subnet_tags  = { "kubernetes.io/role/elb" = "1" }
  private_subnet_tags = { "kubernetes.io/role/internal-elb" = "1" }
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
  clients            = { nodes = module.eks.security_group_id }
}

module "eks" {
  source = "../../modules/eks"

  name               = local.full_name
  kubernetes_version = var.kubernetes_version
  architecture       = var.architecture
  namespace          = var.namespace == "" ? var.name : var.namespace
  service_account    = var.service_account
  policies           = local.policies
  api_cidrs          = var.api_cidrs
  cluster_admins     = var.cluster_admins
  node_types         = var.node_types
  min_nodes          = var.min_nodes
  max_nodes          = var.max_nodes
  subnet_ids         = module.network.private_subnet_ids
  kms_key_arn        = module.encryption.key_arn
  log_retention_days = var.log_retention_days
}

module "monitoring" {
  source = "../../modules/monitoring"

  name        = local.full_name
  kms_key_arn = module.encryption.key_arn
  emails      = var.alarm_emails
  alarms      = merge(module.eks.alarms, module.data.alarms)
}
