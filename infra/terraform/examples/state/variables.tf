variable "name" {
  description = "Begin of the bucket's name, as in example-terraform; the account's id follows."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,39}$", var.name))
    error_message = "name has 3 to 40 lower-case letters, digits and hyphens, and begins with a letter."
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
