# Where secrets are, and what the databases are.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_data "aws_region" {
    defaults = { name = "eu-central-1" }
  }

  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Statement\": []}" }
  }

  mock_data "aws_availability_zones" {
    defaults = { names = ["eu-central-1a", "eu-central-1b", "eu-central-1c"] }
  }
}

variables {
  name        = "films-stage"
  kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/1"
}

run "a_secret_of_several_keys_is_one_entry_and_what_is_configured_is_where_it_is" {
  command = plan

  module {
    source = "../modules/secrets"
  }

  variables {
    secrets = {
      FILMS_ID  = "films/sso#client_id"
      FILMS_KEY = "films/sso#client_secret"
      FILMS_URL = "films/redis"
    }
    parameters = { FILMS_DOMAIN = "/films/domain" }
  }

  assert {
    condition     = output.names == tolist(["films/redis", "films/sso"])
    error_message = "two entries"
  }

  assert {
    condition = output.references == {
      FILMS_ID     = "secret:aws-sm:films/sso#client_id"
      FILMS_KEY    = "secret:aws-sm:films/sso#client_secret"
      FILMS_URL    = "secret:aws-sm:films/redis"
      FILMS_DOMAIN = "secret:aws-ssm:/films/domain"
    }
    error_message = "references as the app understands them"
  }

  assert {
    condition     = output.parameter_names == tolist(["/films/domain"])
    error_message = "parameters are named, not made"
  }
}

run "a_value_in_place_of_a_name_is_refused" {
  command = plan

  module {
    source = "../modules/secrets"
  }

  variables {
    secrets = { FILMS_KEY = "postgres://app:hunter2@db/films" }
  }

  expect_failures = [var.secrets]
}

run "nothing_is_made_where_nothing_is_wanted" {
  command = plan

  module {
    source = "../modules/data"
  }

  variables {
    postgres = false
    clients  = {}
  }

  assert {
    condition     = length(aws_rds_cluster.this) == 0 && length(aws_elasticache_replication_group.this) == 0 && output.postgres_url == null
    error_message = "no database, no cache"
  }
}

run "a_user_of_valkey_is_switched_off_until_it_has_a_password" {
  command = plan

  module {
    source = "../modules/data"
  }

  variables {
    redis      = true
    clients    = { app = "sg-1" }
    vpc_id     = "vpc-1"
    subnet_ids = ["subnet-1", "subnet-2"]
  }

  assert {
    condition     = startswith(aws_elasticache_user.app[0].access_string, "off ")
    error_message = "it may do nothing"
  }

  assert {
    condition     = aws_rds_cluster.this[0].manage_master_user_password && aws_rds_cluster.this[0].iam_database_authentication_enabled
    error_message = "the owner's password is RDS's, and the app has none"
  }
}

run "a_database_takes_a_network" {
  command = plan

  module {
    source = "../modules/data"
  }

  variables {
    clients = {}
  }

  expect_failures = [var.vpc_id, var.subnet_ids]
}

run "gateways_are_none_one_or_one_for_each_zone" {
  command = plan

  module {
    source = "../modules/network"
  }

  variables {
    nat   = "zones"
    zones = 3
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 3 && length(aws_route.nat) == 3 && length(aws_subnet.private) == 3
    error_message = "three of each"
  }
}

run "a_registry_keeps_what_a_tag_means_looks_at_each_push_and_lets_old_images_go" {
  command = plan

  module {
    source = "../modules/registry"
  }

  variables {
    keep_images = 7
  }

  assert {
    condition     = aws_ecr_repository.this.image_tag_mutability == "IMMUTABLE" && aws_ecr_repository.this.image_scanning_configuration[0].scan_on_push
    error_message = "a tag is one image, which is scanned"
  }

  assert {
    condition = [
      for rule in jsondecode(aws_ecr_lifecycle_policy.this.policy).rules : "${rule.selection.tagStatus} ${rule.selection.countNumber}"
    ] == ["untagged 7", "any 7"]
    error_message = "images without a tag go after a week, others when there are more than that"
  }
}
