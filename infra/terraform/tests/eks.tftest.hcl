# Who reaches the cluster.

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
  name        = "films-prod"
  kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/1"
  namespace   = "films"
  subnet_ids  = ["subnet-3", "subnet-4"]
}

run "a_cluster_is_private_unless_addresses_are_named" {
  command = plan

  module {
    source = "../modules/eks"
  }

  assert {
    condition     = !aws_eks_cluster.this.vpc_config[0].endpoint_public_access
    error_message = "nobody outside of the network reaches it"
  }
}

run "everybody_is_no_address" {
  command = plan

  module {
    source = "../modules/eks"
  }

  variables {
    api_cidrs = ["0.0.0.0/0"]
  }

  expect_failures = [var.api_cidrs]
}
