# What all three targets are told, in the same words; what is only this one's is below.

variable "name" {
  description = "Name of the app, as in App::new(\"films\"): its variables begin with it."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,18}$", var.name))
    error_message = "name has 3 to 19 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

variable "environment" {
  description = "Environment, as in stage or prod: the app reads config/ENVIRONMENT.toml."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,11}$", var.environment)) && var.environment != "dev"
    error_message = "environment has 2 to 12 lower-case letters, digits and hyphens, and is not dev, which is for one's own machine."
  }
}

variable "region" {
  description = "Region of AWS, as in eu-central-1."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region is as in eu-central-1."
  }
}

variable "image" {
  description = "Reference of the image, with its digest or tag. Everything but module.registry takes one."
  type        = string
  default     = ""

  validation {
    condition     = var.image == "" || can(regex("[@:][^/]+$", var.image))
    error_message = "image is REPOSITORY@sha256:DIGEST or REPOSITORY:TAG."
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

variable "issuers" {
  description = "Identity providers whose tokens the app takes, and the audiences it knows itself by, as it is configured."
  type        = list(object({ issuer = string, audiences = list(string) }))
  default     = []

  validation {
    condition     = alltrue([for issuer in var.issuers : startswith(issuer.issuer, "https://") && length(issuer.audiences) > 0])
    error_message = "An issuer begins with https:// and has an audience."
  }
}

variable "settings" {
  description = "Variables of the app and their values; none of them a secret. They win over what this composition says."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.settings) : can(regex("^[A-Z_][A-Z0-9_]*$", name))])
    error_message = "settings are variables, as in FILMS_SERVER__REQUESTS."
  }
}

variable "secrets" {
  description = "Variables of the app, and where in Secrets Manager their values are: NAME, or NAME#KEY of a JSON object. The entries are made empty; whoever has the values puts them there."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.secrets) : can(regex("^[A-Z_][A-Z0-9_]*$", name))])
    error_message = "secrets are variables, as in FILMS_IDENTITY__ISSUERS__GOOGLE__CLIENT_SECRET."
  }
}

variable "parameters" {
  description = "Variables of the app, and the paths in Parameter Store where their values are. Whoever has the values puts them there."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.parameters) : can(regex("^[A-Z_][A-Z0-9_]*$", name))])
    error_message = "parameters are variables, as in FILMS_IDENTITY__ISSUERS__OKTA__DOMAIN."
  }
}

variable "mongodb_host" {
  description = "Host of a MongoDB Atlas that lets the app's role in, as in cluster0.example.mongodb.net; empty for none."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^[a-z0-9.-]*$", var.mongodb_host))
    error_message = "mongodb_host is the name of a host, without mongodb+srv://."
  }
}

variable "mongodb_database" {
  description = "Name of the app's database that is there: [databases.NAME] of its settings; empty for [database]."
  type        = string
  default     = "documents"

  validation {
    condition     = can(regex("^[a-z0-9_-]*$", var.mongodb_database))
    error_message = "mongodb_database is a name in [databases]."
  }
}

variable "postgres" {
  description = "Whether there is an Aurora PostgreSQL, which the app signs in to by its role."
  type        = bool
  default     = true
}

variable "redis" {
  description = "Whether there is a Valkey that instances share. Its address with the password is the secret FILMS_REDIS__URL, which `tollgate deploy apply` fills."
  type        = bool
  default     = false
}

variable "domain" {
  description = "Host name of the app, as in api.example.com."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([a-z0-9-]+\\.)*[a-z0-9-]*$", var.domain))
    error_message = "domain is the name of a host."
  }
}

variable "certificate_arn" {
  description = "ARN of the domain's certificate in ACM, in the same region."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^(arn:aws[a-z-]*:acm:.*)?$", var.certificate_arn))
    error_message = "certificate_arn is the ARN of a certificate in ACM."
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

variable "cidr" {
  description = "Addresses of the network."
  type        = string
  default     = "10.0.0.0/16"

  validation {
    condition     = can(cidrsubnet(var.cidr, 4, 15))
    error_message = "cidr is a block of IPv4 addresses, /16 to /20."
  }
}

variable "nat" {
  description = "How the app reaches identity providers from private subnets: single (one gateway for all zones), zones (one in each), none (not at all)."
  type        = string
  default     = "single"

  validation {
    condition     = contains(["none", "single", "zones"], var.nat)
    error_message = "nat is none, single or zones."
  }
}

variable "alarm_emails" {
  description = "Addresses that alarms are sent to."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for email in var.alarm_emails : can(regex("^[^@ ]+@[^@ ]+$", email))])
    error_message = "alarm_emails are addresses, as in team@example.com."
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

variable "protected" {
  description = "Whether what holds data or takes requests refuses to go; say false, apply, then destroy."
  type        = bool
  default     = true
}

variable "tags" {
  description = "Further tags of everything that has tags."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(var.tags) <= 40
    error_message = "AWS has room for 50 tags, and some are ours."
  }
}

# Lambda's own.

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

variable "gateway_issuer" {
  description = "With several issuers: the one whose tokens API Gateway checks, or none, which leaves it to the app."
  type        = string
  default     = null

  validation {
    condition     = var.gateway_issuer == null || var.gateway_issuer == "none" || startswith(coalesce(var.gateway_issuer, "-"), "https://")
    error_message = "gateway_issuer is one of the issuers, or none."
  }
}

variable "public_routes" {
  description = "Routes that API Gateway lets through without a bearer token; the app decides about them. Those that browsers call with a session cookie belong here."
  type        = list(string)
  default = [
    "GET /",
    "GET /docs",
    "GET /docs/{proxy+}",
    "GET /openapi.json",
    "GET /-/{proxy+}",
    "GET /livez",
    "GET /readyz",
    "ANY /auth/{proxy+}",
    "ANY /oauth/{proxy+}",
    "POST /token",
    "GET /.well-known/{proxy+}",
    "OPTIONS /{proxy+}",
  ]

  validation {
    condition     = alltrue([for route in var.public_routes : can(regex("^(ANY|GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) /", route))])
    error_message = "public_routes are METHOD /PATH."
  }
}
