// Starts Swagger UI. "Authorize" is the authorization code flow with PKCE, for the client that the page is at each issuer.
const schemes = JSON.parse(document.currentScript.dataset.schemes);

(async () => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
  dark.addEventListener("change", follow);
  follow();
  const spec = await (await fetch("/openapi.json")).json();
  const settings = (name) => {
    const scopes = spec.components.securitySchemes[name].flows?.authorizationCode.scopes ?? {};
    const chosen = schemes[name]?.scopes ?? Object.keys(scopes);
    return { usePkceWithAuthorizationCodeGrant: true, ...schemes[name], scopes: chosen };
  };
  // Swagger UI has one client for all issuers; each dialog is told of its own here. Of the flows that an issuer's metadata
  // names, one is ours.
  const isOurs = (scheme) => !scheme.get("openIdConnectUrl") || scheme.get("flow") === "authorization_code";
  const ofEachIssuer = () => ({
    wrapComponents: {
      oauth2: (Dialog, { React }) => (props) => isOurs(props.schema) && React.createElement(Dialog, {
        ...props, authSelectors: { ...props.authSelectors, getConfigs: () => settings(props.name) },
      }),
    },
  });
  SwaggerUIBundle({
    spec, dom_id: "#api", deepLinking: true, docExpansion: "list", plugins: [ofEachIssuer],
    displayRequestDuration: true, defaultModelsExpandDepth: 0,
    oauth2RedirectUrl: `${location.origin}/docs/assets/oauth2-redirect.html`,
  });
})();
