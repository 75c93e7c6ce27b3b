// An OpenID provider for tests, with keys that are new at each start.
//
//     node provider.mjs PORT CLIENTS FOLDER FRONT
//
// CLIENTS is a JSON list of clients in the provider's own words; FRONT is the port at which others reach it, and by which
// it names itself. Access tokens are JWTs for the audience `urn:api`, which grants the scopes that a client may ask for.
// Anybody signs in, with any password; their address is NAME@example.test, verified unless NAME begins with
// `unverified-`, which the address then lacks.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [port, clients, folder, front] = process.argv.slice(2);
const installed = (name) => import(pathToFileURL(createRequire(`${folder}/`).resolve(name)));
const { Provider } = await installed('oidc-provider');
const { calculateJwkThumbprint, exportJWK, generateKeyPair } = await installed('jose');

const { privateKey } = await generateKeyPair('RS256', { extractable: true });
const jwk = { ...(await exportJWK(privateKey)), alg: 'RS256', use: 'sig' };
jwk.kid = await calculateJwkThumbprint(jwk);

const permissions = ['read:movies', 'create:movies', 'read:messages', 'create:messages'];
const account = (id) => ({
  accountId: id,
  claims: async () => {
    const [, unverified, name] = /^(unverified-)?(.*)$/.exec(id);
    return { sub: id, name: id, email: `${name}@example.test`, email_verified: !unverified };
  },
});
const provider = new Provider(`http://127.0.0.1:${front}`, {
  jwks: { keys: [jwk] },
  clients: JSON.parse(clients),
  clientBasedCORS: () => true,
  pkce: { required: () => true },
  cookies: { keys: [jwk.kid] },
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
  conformIdTokenClaims: false,
  scopes: ['openid', 'offline_access', 'email', 'profile', ...permissions],
  findAccount: (_, id) => account(id),
  ttl: { Interaction: 600, Session: 600, Grant: 600, IdToken: 600 },
  features: {
    devInteractions: { enabled: true },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    revocation: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => 'urn:api',
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: permissions.join(' '), audience: 'urn:api', accessTokenTTL: 3600, accessTokenFormat: 'jwt',
        jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
});
provider.listen(Number(port), '127.0.0.1');
