//! A provider beside the embedded issuer: two ways in, and never two sessions in one browser.

use super::{
    provider, roles,
    sign_in::{Begun, Provider},
};
use crate::{
    issuer::{
        Browser, ISSUER, PASSWORD, World, authorize, config,
        second_factor::{code, enrol},
    },
    token::world::clock,
};
use http::StatusCode;
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tollgate_access::System;
use tollgate_auth::{IdentityConfig, Issuers, ProviderSession, ProviderSignIn, SignInConfig};
use tollgate_core::Clock;
use tollgate_http::pages::{Pages, Provider as Shown, Site};
use tollgate_store::{Filter, Memory, Store};

const EMAIL: &str = "rea@example.test";

/// The embedded issuer, where readers need a second factor, and a provider.
async fn both() -> (Provider, World) {
    let clock = clock();
    let sso = Provider::new(&clock).await;
    let own = IdentityConfig { second_factor_roles: vec!["reader".into()], ..config() };
    let site = Site { providers: vec![Shown { id: "sso".into(), label: "SSO".into() }], ..Site::default() };
    let mut world = World::showing(site, own, Arc::new(Memory::default()), clock.clone()).await;
    world.identity.create_user("Rea Oku", EMAIL, &PASSWORD.into(), &["reader".to_owned()]).await.unwrap();
    let shared: Arc<dyn Clock> = Arc::new(clock);
    let issuers = Issuers::start(vec![provider("sso", sso.settings(&json!({})))], &roles(), &shared).unwrap();
    let config = SignInConfig {
        public_url: ISSUER.into(),
        session_lifetime: Duration::from_hours(12),
        key: [7; 32],
        has_passwords: true,
    };
    let pages = Arc::new(Pages::new(Site::default()));
    let sign_in = ProviderSignIn::start(&config, &issuers, &world.database, &shared, &pages).unwrap().unwrap();
    world.app = sign_in.router(world.app);
    (sso, world)
}

async fn sign_in_with(sso: &Provider, browser: &mut Browser) {
    let begun = Begun(browser.get("/auth/login/sso").await.location().parse().unwrap());
    sso.gives(&begun, &json!({}));
    let back = browser.get(&format!("/auth/callback?code=c0de&state={}", begun.get("state"))).await;
    assert_eq!(back.status, StatusCode::SEE_OTHER, "{}", back.body);
}

async fn sessions(world: &World) -> usize {
    let store: Store<ProviderSession> = Store::new(Arc::clone(&world.database), Arc::new(world.clock.clone()));
    store.find(&System::because("a test looks").may(), Filter::every()).all().await.unwrap().len()
}

#[tokio::test]
async fn who_signs_in_in_two_steps_has_no_other_session_left() {
    let (sso, world) = both().await;
    let mut rea = world.browser();
    sign_in_with(&sso, &mut rea).await;
    rea.sign_in(EMAIL, PASSWORD).await;
    assert_eq!(sessions(&world).await, 1, "half way in is nobody yet");
    let (app, _) = enrol(&world, &mut rea).await;
    assert_eq!(sessions(&world).await, 0);

    sign_in_with(&sso, &mut rea).await;
    rea.sign_in(EMAIL, PASSWORD).await;
    world.clock.advance(Duration::from_secs(30));
    assert_eq!((code(&mut rea, "000000").await.status, sessions(&world).await), (StatusCode::UNAUTHORIZED, 1));
    assert_eq!((code(&mut rea, &app.code(&world)).await.status, sessions(&world).await), (StatusCode::SEE_OTHER, 0));
    let kept = rea.cookie.unwrap();
    assert!(kept.contains("session=") && !kept.contains("provider-session="), "{kept}");
}

/// The embedded issuer hands out tokens to users of the app: who came back from a provider would be asked again, for ever.
#[tokio::test]
async fn no_provider_is_offered_on_the_way_to_what_users_of_the_app_alone_reach() {
    let (_, world) = both().await;
    let mut browser = world.browser();
    let code = authorize(&[]);
    for (return_to, is_offered) in [
        ("/", true),
        ("/docs", true),
        ("/auth/sessions", true),
        ("/auth/password", false),
        ("/auth/second-factor#x", false),
        ("/auth/apps", false),
        (&code, false),
    ] {
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("return_to", return_to).finish();
        let page = browser.get(&format!("/auth/login?{query}")).await;
        assert_eq!(page.page().contains("/auth/login/sso"), is_offered, "{return_to}: {}", page.body);
    }
}
