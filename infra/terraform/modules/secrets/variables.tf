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

variable "secrets" {
  description = "Variables of the app, and where in Secrets Manager their values are: NAME, or NAME#KEY of a JSON object."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for place in values(var.secrets) : can(regex("^[A-Za-z0-9/_+=.@-]{1,512}(#[A-Za-z0-9_.-]+)?$", place))])
    error_message = "secrets are NAME or NAME#KEY, as in my-app/sso-secrets#client_secret."
  }
}

variable "parameters" {
  description = "Variables of the app, and the paths in Parameter Store of their values. Terraform grants reading them; whoever has the values puts them there."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for path in values(var.parameters) : can(regex("^(/[A-Za-z0-9_.-]+)+$", path))])
    error_message = "parameters are paths, as in /films/okta-domain."
  }
}

variable "recovery_days" {
  description = "Days for which a secret that was removed can be had back: 7 to 30, or 0 for not at all."
  type        = number
  default     = 30

  validation {
    condition     = var.recovery_days == 0 || (var.recovery_days >= 7 && var.recovery_days <= 30)
    error_message = "recovery_days is 0, or 7 to 30."
  }
}
