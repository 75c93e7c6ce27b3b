variable "name" {
  description = "Name of the app and its environment, as in films-prod."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,31}$", var.name))
    error_message = "name has 3 to 32 lower-case letters, digits and hyphens, and begins with a letter."
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

variable "image" {
  description = "Reference of the image in the registry, with its digest or tag."
  type        = string

  validation {
    condition     = can(regex("^[0-9]+\\.dkr\\.ecr\\.[a-z0-9-]+\\.amazonaws\\.com(\\.cn)?/[^:@]+(@sha256:[0-9a-f]{64}|:.+)$", var.image))
    error_message = "image is REPOSITORY@sha256:DIGEST or REPOSITORY:TAG of an ECR repository; apply module.registry alone first, push the image, then name it."
  }
}

variable "repository_arn" {
  description = "ARN of the repository that the image is in."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:ecr:", var.repository_arn))
    error_message = "repository_arn is the ARN of an ECR repository."
  }
}

variable "architecture" {
  description = "Processor that the image is for: x86_64 or arm64."
  type        = string
  default     = "x86_64"

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "architecture is x86_64 or arm64."
  }
}

variable "port" {
  description = "Port that the app listens on in its container."
  type        = number
  default     = 8000

  validation {
    condition     = var.port >= 1 && var.port <= 65535
    error_message = "port is 1 to 65535."
  }
}

variable "settings" {
  description = "Variables of the app and their values; none of them a secret."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.settings) : can(regex("^[A-Z_][A-Z0-9_]*$", name))])
    error_message = "settings are variables, as in FILMS_SERVER__REQUESTS."
  }
}

variable "secrets" {
  description = "Variables of the app whose values ECS fetches at the start: ARNs as in valueFrom."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for from in values(var.secrets) : can(regex("^arn:aws[a-z-]*:(secretsmanager|ssm):", from))])
    error_message = "secrets are ARNs of Secrets Manager or Parameter Store."
  }
}

variable "injection_policies" {
  description = "What ECS may read to inject `secrets`: policies (JSON) by name."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for policy in values(var.injection_policies) : can(jsondecode(policy).Statement)])
    error_message = "injection_policies are IAM policies as JSON."
  }
}

variable "policies" {
  description = "What the app's own role may do: policies (JSON) by name, as modules secrets and data answer them."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for policy in values(var.policies) : can(jsondecode(policy).Statement)])
    error_message = "policies are IAM policies as JSON."
  }
}

variable "user" {
  description = "User and group that the app runs as in its container, by number."
  type        = string
  default     = "65532:65532"

  validation {
    condition     = can(regex("^[1-9][0-9]*(:[1-9][0-9]*)?$", var.user))
    error_message = "user is a number above 0, as in 65532:65532: not root."
  }
}

variable "health_command" {
  description = "Command in the container that tells whether the app is well."
  type        = list(string)
  default     = ["CMD", "/app/app", "health"]

  validation {
    condition     = try(contains(["CMD", "CMD-SHELL"], var.health_command[0]), false)
    error_message = "health_command begins with CMD or CMD-SHELL."
  }
}

variable "cpu" {
  description = "Processor of an instance, in 1/1024: 256, 512, 1024, 2048, 4096, 8192 or 16384."
  type        = number
  default     = 512

  validation {
    condition     = contains([256, 512, 1024, 2048, 4096, 8192, 16384], var.cpu)
    error_message = "cpu is 256, 512, 1024, 2048, 4096, 8192 or 16384."
  }
}

variable "memory" {
  description = "Memory of an instance, in MiB; two to eight times of cpu."
  type        = number
  default     = 1024

  validation {
    condition     = var.memory >= var.cpu * 2 && var.memory <= var.cpu * 8
    error_message = "memory is two to eight times of cpu."
  }
}

variable "min_instances" {
  description = "Fewest instances; with two, one can go away."
  type        = number
  default     = 2

  validation {
    condition     = var.min_instances >= 1
    error_message = "min_instances is 1 at least."
  }
}

variable "max_instances" {
  description = "Most instances."
  type        = number
  default     = 10

  validation {
    condition     = var.max_instances >= var.min_instances
    error_message = "max_instances is no less than min_instances."
  }
}

variable "vpc_id" {
  description = "Id of the network."
  type        = string

  validation {
    condition     = can(regex("^vpc-", var.vpc_id))
    error_message = "vpc_id begins with vpc-."
  }
}

variable "public_subnet_ids" {
  description = "Ids of the public subnets, for the balancer."
  type        = list(string)

  validation {
    condition     = length(var.public_subnet_ids) >= 2 && alltrue([for id in var.public_subnet_ids : can(regex("^subnet-", id))])
    error_message = "public_subnet_ids are ids that begin with subnet-, two at least."
  }
}

variable "private_subnet_ids" {
  description = "Ids of the private subnets, for the app."
  type        = list(string)

  validation {
    condition     = length(var.private_subnet_ids) >= 2 && alltrue([for id in var.private_subnet_ids : can(regex("^subnet-", id))])
    error_message = "private_subnet_ids are ids that begin with subnet-, two at least."
  }
}

variable "egress" {
  description = "Where the app may connect to: a TCP port of a block of addresses, by a name for people."
  type        = map(object({ port = number, cidr = string }))
  default     = { "TLS to identity providers and AWS" = { port = 443, cidr = "0.0.0.0/0" } }

  validation {
    condition     = alltrue([for to in values(var.egress) : to.port >= 1 && to.port <= 65535 && can(cidrhost(to.cidr, 0))])
    error_message = "egress is a port and a block of addresses each."
  }
}

variable "domain" {
  description = "Host name of the app."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9-]+\\.)+[a-z]+$", var.domain))
    error_message = "domain is the name of a host, as in api.example.com."
  }
}

variable "certificate_arn" {
  description = "ARN of the domain's certificate in ACM, in the same region."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:(acm|iam):", var.certificate_arn))
    error_message = "certificate_arn is the ARN of a certificate; `aws acm request-certificate --domain-name DOMAIN --validation-method DNS` gets one."
  }
}

variable "zone_id" {
  description = "Id of the Route 53 zone that gets the record of the domain; empty where DNS is kept elsewhere."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^[A-Z0-9]*$", var.zone_id))
    error_message = "zone_id is the id of a hosted zone, as in Z0123456789ABC."
  }
}

variable "protected" {
  description = "Whether the balancer refuses to go."
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
