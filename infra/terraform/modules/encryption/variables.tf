variable "name" {
  description = "Name of the app and its environment, as in films-prod."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,39}$", var.name))
    error_message = "name has 3 to 40 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

variable "deletion_days" {
  description = "Days between the key's deletion and its end, in which it can be had back: 7 to 30."
  type        = number
  default     = 30

  validation {
    condition     = var.deletion_days >= 7 && var.deletion_days <= 30
    error_message = "deletion_days is 7 to 30."
  }
}
