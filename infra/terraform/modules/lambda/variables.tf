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

variable "image" {
  description = "Reference of the image in the registry, with its digest or tag; null for a zip."
  type        = string
  default     = null

  validation {
    condition     = var.image == null || can(regex("^[0-9]+\\.dkr\\.ecr\\.[a-z0-9-]+\\.amazonaws\\.com(\\.cn)?/[^:@]+(@sha256:[0-9a-f]{64}|:.+)$", var.image))
    error_message = "image is REPOSITORY@sha256:DIGEST or REPOSITORY:TAG of an ECR repository; apply module.registry alone first, push the image, then name it."
  }
}

variable "zip" {
  description = "Path of a zip with the binary as `bootstrap`; null for an image."
  type        = string
  default     = null

  validation {
    condition     = var.zip == null || can(filebase64sha256(var.zip))
    error_message = "zip is a file that is there."
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

variable "settings" {
  description = "Variables of the app and their values; none of them a secret."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.settings) : can(regex("^[A-Z_][A-Z0-9_]*$", name))])
    error_message = "settings are variables, as in FILMS_SERVER__REQUESTS."
  }
}

variable "public_url_variable" {
  description = "Variable of the app that is told its public address, as in FILMS_SERVER__PUBLIC_URL; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.public_url_variable == null || can(regex("^[A-Z_][A-Z0-9_]*$", var.public_url_variable))
    error_message = "public_url_variable is the name of a variable."
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

variable "memory" {
  description = "Memory in MiB, 128 to 10240; the processor grows with it."
  type        = number
  default     = 512

  validation {
    condition     = var.memory >= 128 && var.memory <= 10240
    error_message = "memory is 128 to 10240."
  }
}

variable "timeout_seconds" {
  description = "Seconds that a call may take; API Gateway waits for 30."
  type        = number
  default     = 30

  validation {
    condition     = var.timeout_seconds >= 1 && var.timeout_seconds <= 900
    error_message = "timeout_seconds is 1 to 900."
  }
}

variable "reserved_concurrency" {
  description = "Most calls at once, taken from the account's; -1 for no limit of its own."
  type        = number
  default     = -1

  validation {
    condition     = var.reserved_concurrency >= -1
    error_message = "reserved_concurrency is -1 or more."
  }
}

variable "issuers" {
  description = "Identity providers whose tokens the app takes, and the audiences it knows itself by, as it is configured."
  type        = list(object({ issuer = string, audiences = list(string) }))
  default     = []

  validation {
    condition     = alltrue([for issuer in var.issuers : startswith(issuer.issuer, "https://") && length(issuer.audiences) > 0])
    error_message = "An issuer begins with https:// and has an audience."
  }
}

variable "gateway_issuer" {
  description = "The issuer whose tokens API Gateway checks, or none; null is the only one."
  type        = string
  default     = null

  validation {
    condition     = var.gateway_issuer == null || var.gateway_issuer == "none" || startswith(coalesce(var.gateway_issuer, "-"), "https://")
    error_message = "gateway_issuer is one of the issuers, or none."
  }
}

variable "public_routes" {
  description = "Routes that API Gateway lets through without a token, as in GET /docs/{proxy+}."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for route in var.public_routes : can(regex("^(ANY|GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) /", route))])
    error_message = "public_routes are METHOD /PATH."
  }
}

variable "requests_per_second" {
  description = "Requests a second that API Gateway lets through, twice of it for a moment."
  type        = number
  default     = 1000

  validation {
    condition     = var.requests_per_second >= 1
    error_message = "requests_per_second is 1 at least."
  }
}

variable "domain" {
  description = "Host name of the app; empty for the one that API Gateway gives."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([a-z0-9-]+\\.)*[a-z0-9-]*$", var.domain))
    error_message = "domain is the name of a host, as in api.example.com."
  }
}

variable "certificate_arn" {
  description = "ARN of the domain's certificate in ACM; empty without a domain."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^(arn:aws[a-z-]*:acm:.*)?$", var.certificate_arn)) && (var.domain == "") == (var.certificate_arn == "")
    error_message = "domain and certificate_arn are given together; the certificate is one of ACM in the same region."
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

variable "vpc_id" {
  description = "Id of the network that the function is in; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.vpc_id == null || can(regex("^vpc-", var.vpc_id))
    error_message = "vpc_id begins with vpc-."
  }
}

variable "subnet_ids" {
  description = "Ids of private subnets that the function is in; none for a function outside of any network."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for id in var.subnet_ids : can(regex("^subnet-", id))])
    error_message = "subnet_ids are ids that begin with subnet-."
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

variable "log_retention_days" {
  description = "Days for which logs are kept; one of the numbers that CloudWatch knows."
  type        = number
  default     = 365

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days is a number that CloudWatch knows, such as 30, 90 or 365."
  }
}
