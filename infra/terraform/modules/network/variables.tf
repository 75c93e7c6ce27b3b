variable "name" {
  description = "Name of the app and its environment, as in films-prod."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,39}$", var.name))
    error_message = "name has 3 to 40 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

variable "cidr" {
  description = "Addresses of the network, /20 or larger."
  type        = string
  default     = "10.0.0.0/16"

  validation {
    condition     = can(cidrsubnet(var.cidr, 4, 15)) && try(tonumber(split("/", var.cidr)[1]), 0) >= 16 && try(tonumber(split("/", var.cidr)[1]), 32) <= 20
    error_message = "cidr is a block of IPv4 addresses, /16 to /20."
  }
}

variable "zones" {
  description = "Number of availability zones, 2 to 6."
  type        = number
  default     = 2

  validation {
    condition     = var.zones >= 2 && var.zones <= 6
    error_message = "zones is 2 to 6."
  }
}

variable "nat" {
  description = "How private subnets reach the internet, where identity providers are: none, single (one gateway for all zones), zones (one in each)."
  type        = string
  default     = "single"

  validation {
    condition     = contains(["none", "single", "zones"], var.nat)
    error_message = "nat is none, single or zones."
  }
}

variable "endpoints" {
  description = "Services of AWS that are reached without leaving the network; each costs by the hour and zone."
  type        = set(string)
  default     = ["ecr.api", "ecr.dkr", "logs", "secretsmanager", "ssm", "sts"]

  validation {
    condition     = alltrue([for service in var.endpoints : can(regex("^[a-z0-9.-]+$", service))])
    error_message = "endpoints are names of services as in com.amazonaws.REGION.NAME."
  }
}

variable "public_subnet_tags" {
  description = "Further tags of public subnets, which tell Kubernetes where balancers go."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(var.public_subnet_tags) <= 40
    error_message = "AWS has room for 50 tags, and some are ours."
  }
}

variable "private_subnet_tags" {
  description = "Further tags of private subnets."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(var.private_subnet_tags) <= 40
    error_message = "AWS has room for 50 tags, and some are ours."
  }
}

variable "kms_key_arn" {
  description = "ARN of the key that encrypts the log."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:kms:", var.kms_key_arn))
    error_message = "kms_key_arn is the ARN of a KMS key."
  }
}

variable "log_retention_days" {
  description = "Days for which the log is kept; one of the numbers that CloudWatch knows."
  type        = number
  default     = 365

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days is a number that CloudWatch knows, such as 30, 90 or 365."
  }
}
