// Starts Swagger UI. "Authorize" is the authorization code flow with PKCE, for the public client `docs`. All scopes
// are chosen to begin with: the token holds those of them that whoever signs in has.
(async () => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
  dark.addEventListener("change", follow);
  follow();
  const spec = await (await fetch("/openapi.json")).json();
  const { scopes } = spec.components.securitySchemes.oauth2.flows.authorizationCode;
  const ui = SwaggerUIBundle({
    spec, dom_id: "#api", deepLinking: true, docExpansion: "list",
    displayRequestDuration: true, defaultModelsExpandDepth: 0,
    oauth2RedirectUrl: `${location.origin}/docs/assets/oauth2-redirect.html`,
  });
  ui.initOAuth({ clientId: "docs", usePkceWithAuthorizationCodeGrant: true, scopes: Object.keys(scopes) });
})();
