variable "bucket" {
  description = "Name of the bucket. Everybody at AWS shares these names, so one with the account's id in it is free, as in example-terraform-123456789012."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.bucket))
    error_message = "bucket has 3 to 63 lower-case letters, digits and hyphens, and no hyphen at either end."
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
