output "bucket" {
  description = "Name of the bucket, for the backend s3."
  value       = module.state.bucket
}
