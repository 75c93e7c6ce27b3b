// The embedded issuer as the certified client library openid-client sees it: each flow from its beginning to its end.
//
// The library checks what a client must: `iss` and `state` of the answer, nonce, signature, audience, `at_hash` and
// `auth_time` of the ID token, the subject of userinfo. What it lets pass is asserted here.
//
// Settings, as environment variables: LIBRARY (where the library is), ISSUER, and SERVER, RECORDER, MACHINE (secrets).

import assert from 'node:assert/strict'

const { LIBRARY, ISSUER, SERVER, RECORDER, MACHINE } = process.env
const client = await import(LIBRARY)
const BACK = 'http://127.0.0.1:1/back'
const BYE = 'http://127.0.0.1:1/bye'

// What an attribute of a page says.
const text = (value) => value.replaceAll('&#x2f;', '/').replaceAll('&quot;', '"').replaceAll('&amp;', '&')

const issuer = (id, proof) =>
  client.discovery(new URL(ISSUER), id, {}, proof, { execute: [client.allowInsecureRequests] })

// A browser: it keeps cookies, and stops where it would leave the issuer.
class Browser {
  cookies = new Map()

  async open(url, form) {
    const headers = { cookie: [...this.cookies].map((pair) => pair.join('=')).join('; ') }
    if (form) headers.origin = ISSUER
    const body = form && new URLSearchParams(form)
    const answer = await fetch(url, { method: form ? 'POST' : 'GET', headers, body, redirect: 'manual' })
    for (const cookie of answer.headers.getSetCookie()) {
      const [name, value] = cookie.split(';')[0].split('=')
      this.cookies.set(name, value)
    }
    const to = answer.headers.get('location')
    if (!to) return { page: await answer.text(), url }
    const next = new URL(to, ISSUER)
    return next.origin === new URL(ISSUER).origin ? this.open(next) : { left: next }
  }

  // Sends the form of a page.
  submit({ page, url }, fields) {
    const [, action] = page.match(/<form method="post" action="([^"]+)"/)
    const hidden = [...page.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)]
    const form = Object.fromEntries(hidden.map(([, name, value]) => [name, text(value)]))
    return this.open(new URL(text(action), url), { ...form, ...fields })
  }

  signIn(page) {
    assert.match(page.page, /<h1>Sign in<\/h1>/)
    return this.submit(page, { email: 'reader@example.test', password: 'lorem-ipsum' })
  }
}

// What a client keeps of a request until the answer comes, and the request.
async function asking(config, more) {
  const kept = {
    pkceCodeVerifier: client.randomPKCECodeVerifier(),
    expectedState: client.randomState(),
    expectedNonce: client.randomNonce(),
    idTokenExpected: true,
  }
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: BACK,
    code_challenge: await client.calculatePKCECodeChallenge(kept.pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: kept.expectedState,
    nonce: kept.expectedNonce,
    ...more,
  })
  return { kept, url }
}

const refused = (code) => (error) => (error.error === code ? true : assert.fail(`${error.error}: ${error.stack}`))

const movies = async (config, token) =>
  (await client.fetchProtectedResource(config, token, new URL('/movies?limit=1', ISSUER), 'GET')).status

const flows = {
  async 'a page signs somebody in, stays signed in, and signs out'() {
    const config = await issuer('page', client.None())
    const browser = new Browser()
    const { kept, url } = await asking(config, { scope: 'openid profile email offline_access read:movies', max_age: 60 })
    const { left } = await browser.signIn(await browser.open(url))
    const tokens = await client.authorizationCodeGrant(config, left, { ...kept, maxAge: 60 })
    assert.equal(tokens.claims().email, 'reader@example.test')
    assert.equal(await movies(config, tokens.access_token), 200)

    const who = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub)
    assert.deepEqual(Object.keys(who).sort(), ['email', 'name', 'sub'])

    const next = await client.refreshTokenGrant(config, tokens.refresh_token)
    assert.notEqual(next.refresh_token, tokens.refresh_token)
    assert.equal(await movies(config, next.access_token), 200)
    await client.tokenRevocation(config, next.refresh_token)
    await assert.rejects(client.refreshTokenGrant(config, next.refresh_token), refused('invalid_grant'))
    await assert.rejects(movies(config, next.access_token), (error) => error.status === 401)

    await assert.rejects(client.authorizationCodeGrant(config, left, { ...kept, maxAge: 60 }), refused('invalid_grant'))
    const bye = client.buildEndSessionUrl(config, {
      id_token_hint: tokens.id_token,
      post_logout_redirect_uri: BYE,
      state: 'so long',
    })
    assert.equal((await browser.open(bye)).left.href, `${BYE}?state=so+long`)
    const again = await asking(config, { scope: 'openid', prompt: 'none' })
    const silent = await browser.open(again.url)
    await assert.rejects(client.authorizationCodeGrant(config, silent.left, again.kept), refused('login_required'))
  },

  async 'a server proves itself in the header and in the form'() {
    for (const proof of [client.ClientSecretBasic(SERVER), client.ClientSecretPost(SERVER)]) {
      const config = await issuer('server', proof)
      const browser = new Browser()
      const { kept, url } = await asking(config, { scope: 'openid', login_hint: 'reader@example.test' })
      const page = await browser.open(url)
      assert.match(page.page, /value="reader@example.test"/)
      const { left } = await browser.signIn(page)
      const tokens = await client.authorizationCodeGrant(config, left, kept)
      const said = await client.tokenIntrospection(config, tokens.access_token)
      assert.deepEqual([said.active, said.client_id, said.username], [true, 'server', 'reader@example.test'])
      await client.tokenRevocation(config, tokens.access_token)
      assert.deepEqual(await client.tokenIntrospection(config, tokens.access_token), { active: false })
    }
    const impostor = await issuer('server', client.ClientSecretBasic('a secret of somebody else, long enough'))
    await assert.rejects(client.tokenIntrospection(impostor, 'x'), (error) => error.status === 401)
  },

  async 'people are asked before a client of somebody else gets anything'() {
    const config = await issuer('recorder', client.ClientSecretBasic(RECORDER))
    const browser = new Browser()
    const first = await asking(config, { scope: 'openid read:movies' })
    const page = await browser.signIn(await browser.open(first.url))
    assert.match(page.page, /<h1>Allow Field Recorder\?<\/h1>/)
    const denied = await browser.submit(page, { answer: 'deny' })
    await assert.rejects(client.authorizationCodeGrant(config, denied.left, first.kept), refused('access_denied'))

    const second = await asking(config, { scope: 'openid read:movies' })
    const allowed = await browser.submit(await browser.open(second.url), { answer: 'allow' })
    const tokens = await client.authorizationCodeGrant(config, allowed.left, second.kept)
    assert.equal(tokens.scope, 'openid read:movies')
    const third = await asking(config, { scope: 'openid', prompt: 'none' })
    const silent = await browser.open(third.url)
    assert.ok(await client.authorizationCodeGrant(config, silent.left, third.kept))
  },

  async 'a machine acts in its own name'() {
    const config = await issuer('machine', client.ClientSecretPost(MACHINE))
    const tokens = await client.clientCredentialsGrant(config, { scope: 'read:movies' })
    assert.deepEqual([tokens.scope, tokens.refresh_token], ['read:movies', undefined])
    assert.equal(await movies(config, tokens.access_token), 200)
    await assert.rejects(client.clientCredentialsGrant(config, { scope: 'delete:movies' }), refused('invalid_scope'))
  },
}

for (const [name, flow] of Object.entries(flows)) {
  await flow()
  console.log(name)
}
