variable "name" {
  description = "Name of the app and its environment, as in films-prod."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,39}$", var.name))
    error_message = "name has 3 to 40 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

variable "kms_key_arn" {
  description = "ARN of the key that encrypts what is kept."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:kms:", var.kms_key_arn))
    error_message = "kms_key_arn is the ARN of a KMS key."
  }
}

variable "vpc_id" {
  description = "Id of the network; null where there is nothing to put in it."
  type        = string
  default     = null

  validation {
    condition     = var.vpc_id == null ? !(var.postgres || var.redis) : can(regex("^vpc-", var.vpc_id))
    error_message = "vpc_id begins with vpc-; a database takes a network."
  }
}

variable "subnet_ids" {
  description = "Ids of private subnets, in two zones at least."
  type        = list(string)
  default     = []

  validation {
    condition     = (length(var.subnet_ids) >= 2 || !(var.postgres || var.redis)) && alltrue([for id in var.subnet_ids : can(regex("^subnet-", id))])
    error_message = "subnet_ids are ids that begin with subnet-, two at least."
  }
}

variable "clients" {
  description = "Who may connect: ids of security groups by name."
  type        = map(string)

  validation {
    condition     = alltrue([for id in values(var.clients) : can(regex("^sg-", id))])
    error_message = "clients are ids that begin with sg-."
  }
}

variable "postgres" {
  description = "Whether there is an Aurora PostgreSQL."
  type        = bool
  default     = true
}

variable "postgres_version" {
  description = "Version of Aurora PostgreSQL, 16.3 or newer."
  type        = string
  default     = "16.6"

  validation {
    condition     = can(regex("^(1[6-9]|[2-9][0-9])\\.[0-9]+$", var.postgres_version))
    error_message = "postgres_version is as in 16.6."
  }
}

variable "postgres_instances" {
  description = "Number of instances: the one that writes, and those that take over."
  type        = number
  default     = 2

  validation {
    condition     = var.postgres_instances >= 1 && var.postgres_instances <= 15
    error_message = "postgres_instances is 1 to 15."
  }
}

variable "min_capacity" {
  description = "Smallest size of an instance, in ACU (about 2 GiB of memory each); 0 lets it pause."
  type        = number
  default     = 0.5

  validation {
    condition     = var.min_capacity >= 0 && floor(var.min_capacity * 2) == var.min_capacity * 2
    error_message = "min_capacity is a multiple of 0.5."
  }
}

variable "max_capacity" {
  description = "Largest size of an instance, in ACU."
  type        = number
  default     = 8

  validation {
    condition     = var.max_capacity >= 1 && var.max_capacity <= 256 && floor(var.max_capacity * 2) == var.max_capacity * 2
    error_message = "max_capacity is 1 to 256, a multiple of 0.5."
  }
}

variable "max_connections" {
  description = "Number of connections to PostgreSQL beyond which somebody is told."
  type        = number
  default     = 400

  validation {
    condition     = var.max_connections >= 10
    error_message = "max_connections is 10 at least."
  }
}

variable "database" {
  description = "Name of the database in PostgreSQL."
  type        = string
  default     = "app"

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,62}$", var.database))
    error_message = "database has lower-case letters, digits and _."
  }
}

variable "database_user" {
  description = "User in PostgreSQL that the app signs in as, by its role."
  type        = string
  default     = "app"

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,62}$", var.database_user)) && var.database_user != "owner"
    error_message = "database_user has lower-case letters, digits and _, and is not the owner."
  }
}

variable "authorities" {
  description = "File in the image with Amazon's authorities for RDS (https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem)."
  type        = string
  default     = "/etc/ssl/certs/rds-global-bundle.pem"

  validation {
    condition     = can(regex("^/[A-Za-z0-9/._-]+$", var.authorities))
    error_message = "authorities is an absolute path."
  }
}

variable "backup_days" {
  description = "Days for which any moment of the database can be had back."
  type        = number
  default     = 14

  validation {
    condition     = var.backup_days >= 1 && var.backup_days <= 35
    error_message = "backup_days is 1 to 35."
  }
}

variable "redis" {
  description = "Whether there is a Valkey."
  type        = bool
  default     = false
}

variable "redis_version" {
  description = "Version of Valkey."
  type        = string
  default     = "8.0"

  validation {
    condition     = can(regex("^[0-9]+\\.[0-9]+$", var.redis_version))
    error_message = "redis_version is as in 8.0."
  }
}

variable "redis_node_type" {
  description = "Machine of each of the two nodes."
  type        = string
  default     = "cache.t4g.small"

  validation {
    condition     = can(regex("^cache\\.", var.redis_node_type))
    error_message = "redis_node_type begins with cache."
  }
}

variable "protected" {
  description = "Whether the database refuses to go, and leaves a snapshot when it does."
  type        = bool
  default     = true
}

variable "log_retention_days" {
  description = "Days for which logs are kept; one of the numbers that CloudWatch knows."
  type        = number
  default     = 365

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days is a number that CloudWatch knows, such as 30, 90 or 365."
  }
}
