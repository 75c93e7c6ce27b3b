// Starts Swagger UI. "Authorize" is the authorization code flow with PKCE, for the public client `docs`.
const ui = SwaggerUIBundle({
  url: "/openapi.json", dom_id: "#api", deepLinking: true, docExpansion: "list",
  displayRequestDuration: true, defaultModelsExpandDepth: 0, persistAuthorization: false,
  oauth2RedirectUrl: `${location.origin}/docs/assets/oauth2-redirect.html`,
});
ui.initOAuth({ clientId: "docs", usePkceWithAuthorizationCodeGrant: true });
