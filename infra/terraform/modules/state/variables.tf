variable "name" {
  description = "Begin of the bucket's name; the account's id follows, since names are shared by everybody at AWS."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,39}$", var.name))
    error_message = "name has 3 to 40 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

variable "kms_key_arn" {
  description = "ARN of the key that encrypts the state; null is the one that AWS keeps for S3 in the account."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:", var.kms_key_arn))
    error_message = "kms_key_arn is the ARN of a KMS key, or null."
  }
}

variable "keep_versions_days" {
  description = "Days for which a state that was overwritten can be had back."
  type        = number
  default     = 90

  validation {
    condition     = var.keep_versions_days >= 7
    error_message = "keep_versions_days is 7 at least."
  }
}

variable "protected" {
  description = "Whether a bucket that holds states refuses to go."
  type        = bool
  default     = true
}
