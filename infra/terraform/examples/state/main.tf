# The bucket for the state of everything else: once per account, from somebody's own machine. Its own state is small and
# can be made again (terraform import), so it stays a file.

locals {
  tags = { managed-by = "terraform" }
}

module "state" {
  source = "../../modules/state"

  bucket    = var.bucket
  protected = var.protected
}
