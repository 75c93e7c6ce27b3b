variable "name" {
  description = "Name of the repository, as in films or team/films."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9._/-]{1,255}$", var.name))
    error_message = "name has lower-case letters, digits, and . _ / - between them."
  }
}

variable "kms_key_arn" {
  description = "ARN of the key that encrypts images; null is the one that AWS keeps for ECR in the account."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:", var.kms_key_arn))
    error_message = "kms_key_arn is the ARN of a KMS key, or null."
  }
}

variable "keep_images" {
  description = "How many images are kept, the newest."
  type        = number
  default     = 30

  validation {
    condition     = var.keep_images >= 2
    error_message = "keep_images is 2 at least: the one that runs, and the one to go back to."
  }
}

variable "lambda" {
  description = "Whether Lambda functions of the account run images of it."
  type        = bool
  default     = false
}

variable "protected" {
  description = "Whether a repository that holds images refuses to go."
  type        = bool
  default     = true
}
