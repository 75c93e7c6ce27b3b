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

variable "emails" {
  description = "Addresses that alarms are sent to; each is asked first whether it wants them."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for email in var.emails : can(regex("^[^@ ]+@[^@ ]+$", email))])
    error_message = "emails are addresses, as in team@example.com."
  }
}

variable "alarms" {
  description = "What is worth telling, by name: a metric, and beyond which threshold (or below it) for how many minutes. The statistic is Average, Sum, Maximum, Minimum or a percentile such as p99."
  type = map(object({
    description = string
    namespace   = string
    metric      = string
    dimensions  = map(string)
    statistic   = string
    threshold   = number
    below       = optional(bool, false)
    minutes     = optional(number, 5)
    missing     = optional(string, "notBreaching")
  }))
  default = {}

  validation {
    condition     = alltrue([for alarm in values(var.alarms) : can(regex("^(Average|Sum|Maximum|Minimum|p[0-9]{1,2}(\\.[0-9]+)?)$", alarm.statistic)) && alarm.minutes >= 1])
    error_message = "statistic is Average, Sum, Maximum, Minimum or a percentile; minutes is 1 at least."
  }
}
