#!/bin/sh
# Stands in for the tools of a deployment: writes down how it was called, and answers as they would.
name=$(basename "$0")
printf '%s' "$name" >>"$CALLS"
for word; do printf ' %s' "$word" >>"$CALLS"; done
printf '\n' >>"$CALLS"
case "$FAILS" in "") ;; *) case "$name $*" in *"$FAILS"*) echo "as it was told to" >&2; exit 1 ;; esac ;; esac
# As if Ctrl-C were pressed while it runs, which the caller hears as well.
case "$INTERRUPTED" in "") ;; *) case "$name $*" in *"$INTERRUPTED"*) kill -INT "$PPID"; exit 1 ;; esac ;; esac
case "$name $*" in
  "cargo metadata"*) exec "$REAL_CARGO" "$@" ;;
  "cargo run"*describe) cat "$DESCRIPTION" ;;
  "aws sts"*) echo "arn:aws:iam::123456789012:user/ann" ;;
  "aws ecr get-login-password"*) echo "password-of-the-registry" ;;
  *--password-stdin*) cat >/dev/null ;;
  "aws elasticache modify-user"*) cat >"$PUT.user" ;;
  "aws secretsmanager put-secret-value"*) cat >"$PUT" ;;
  "aws ssm put-parameter"*) cat >"$PUT.parameter" ;;
  "aws ssm describe-parameters"*) if [ -e "$PUT.parameter" ]; then echo "/library/prod/domain"; fi ;;
  "aws secretsmanager describe-secret"*) if [ -e "$PUT" ]; then echo '{"v": ["AWSCURRENT"]}'; else echo null; fi ;;
  "terraform"*" output -raw repository_url") echo "registry.test/library-prod" ;;
  "terraform"*" output -raw cluster_name") echo "library-prod" ;;
  "terraform"*" output -raw namespace") echo "library" ;;
  "terraform"*" output -json") cat "$OUTPUTS" ;;
  "terraform"*" output -raw url") echo "$URL" ;;
  "terraform"*" show -json "*) cat "$PLANNED" ;;
  "terraform"*" -out="*) : >"${1#-chdir=}/tollgate.tfplan" ;;
  "terraform"*" state list") echo "module.registry.aws_ecr_repository.this"; echo "module.secrets.aws_secretsmanager_secret.this[0]" ;;
  "curl"*/readyz*) echo "${READY:-200}" ;;
  *) ;;
esac
