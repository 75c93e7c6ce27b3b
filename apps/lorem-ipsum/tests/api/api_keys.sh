# A key for a service account, good for thirty days. It is printed once.
key=$(lorem-ipsum api-key create nightly-import --scope read:movies --expires 30d)

# It goes where a token goes.
curl --fail --silent --show-error --header "Authorization: Bearer $key" "$URL/movies?limit=1"

# Its id stands in it, and in the list.
id=$(lorem-ipsum api-key list | sed -n 's/  nightly-import .*//p')

# Nobody gets in with it within a second.
lorem-ipsum api-key revoke "$id"

# A key for oneself, over HTTP.
token=$(lorem-ipsum token admin@example.test --port "${URL##*:}")
curl --fail --silent --show-error --header "Authorization: Bearer $token" --json \
  '{ "name": "laptop", "scopes": ["read:movies"], "days": 7 }' "$URL/api-keys"
