# The client makes a secret, of which it tells a hash (PKCE), and something to know the answer by.
verifier=$(openssl rand -base64 32 | tr '+/' '-_' | tr -d '=\n')
challenge=$(printf %s "$verifier" | openssl dgst -sha256 -binary | openssl base64 | tr '+/' '-_' | tr -d '=\n')
state=$(openssl rand -hex 16)

# The browser: somebody signs in, as the page does it, and asks for a code. The answer leads back to the client.
curl --fail --silent --show-error --cookie-jar cookies --header "Origin: $URL" \
  --data-urlencode "email=$EMAIL" --data-urlencode "password=$PASSWORD" "$URL/auth/login"
back=$(curl --fail --silent --show-error --cookie cookies --output /dev/null --write-out '%{redirect_url}' \
  --get --data-urlencode "response_type=code" --data-urlencode "client_id=page" \
  --data-urlencode "redirect_uri=http://127.0.0.1:1/back" --data-urlencode "scope=openid offline_access" \
  --data-urlencode "code_challenge=$challenge" --data-urlencode "code_challenge_method=S256" \
  --data-urlencode "state=$state" "$URL/oauth/authorize")

# The client: is that the answer to what it asked? Then the code becomes tokens, once and within a minute.
case "$back" in *"state=$state"*) ;; *) echo "not ours: $back" >&2; exit 1 ;; esac
code=$(printf %s "$back" | sed 's/.*[?&]code=\([^&]*\).*/\1/')
tokens=$(curl --fail --silent --show-error --data-urlencode "grant_type=authorization_code" \
  --data-urlencode "client_id=page" --data-urlencode "redirect_uri=http://127.0.0.1:1/back" \
  --data-urlencode "code=$code" --data-urlencode "code_verifier=$verifier" "$URL/oauth/token")

# What the access token is for, and what comes after it.
token() { printf %s "$tokens" | sed "s/.*\"$1\":\"\([^\"]*\)\".*/\1/"; }
curl --fail --silent --show-error --header "Authorization: Bearer $(token access_token)" "$URL/api/me"
tokens=$(curl --fail --silent --show-error --data-urlencode "grant_type=refresh_token" \
  --data-urlencode "client_id=page" --data-urlencode "refresh_token=$(token refresh_token)" "$URL/oauth/token")
