variable "bucket" {
  description = "Name of the bucket. Everybody at AWS shares these names, so one with the account's id in it is free, as in example-terraform-123456789012."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.bucket))
    error_message = "bucket has 3 to 63 lower-case letters, digits and hyphens, and no hyphen at either end."
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

variable "protected" {
  description = "Whether a bucket that holds states refuses to go; say false, apply, then destroy."
  type        = bool
  default     = true
}
