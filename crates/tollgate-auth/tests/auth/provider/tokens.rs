//! Tokens shaped as each provider documents them: its access tokens pass, its other tokens do not.

use super::{Signed, permissions, provider};
use crate::token::world::{NOW, object};
use serde_json::{Value, json};
use tollgate_auth::Refusal;

const TENANT: &str = "a1b2c3d4-0000-4000-8000-123456789abc";

fn okta() -> Value {
    json!({ "preset": "okta", "domain": "dev-1.okta.com" })
}

fn auth0() -> Value {
    json!({ "preset": "auth0", "domain": "example.eu.auth0.com", "audience": ["https://api.example", "https://old.example"],
        "role_claim": "http://schemas.microsoft.com/ws/2008/06/identity/claims/role", "clients": ["spa"] })
}

fn google() -> Value {
    json!({ "preset": "google", "client_id": "1-a.apps.googleusercontent.com", "hosted_domain": "example.com" })
}

fn entra() -> Value {
    json!({ "preset": "entra", "tenant": TENANT, "audience": ["11111111-2222-4333-8444-555555555555", "api://movies"] })
}

fn cognito() -> Value {
    json!({ "preset": "cognito", "user_pool": "eu-west-1_AbCdEfGhI", "client_id": "c1", "resource_server": "movies" })
}

fn keycloak() -> Value {
    json!({ "preset": "keycloak", "url": "https://sso.example/auth/", "realm": "films", "client": "api" })
}

fn generic() -> Value {
    json!({ "preset": "generic", "issuer": "https://id.example/op", "audience": "api", "role_claim": ["realm", "roles"] })
}

/// An access token that is good, and what its bearer is called and may do.
struct Good {
    settings: Value,
    header: Value,
    claims: Value,
    id: &'static str,
    may: &'static str,
}

/// As documented, with what it takes to tell whether each claim is read.
#[expect(clippy::too_many_lines, reason = "a table")]
fn good() -> Vec<Good> {
    let good = |settings, header, claims, id, may| Good { settings, header, claims, id, may };
    vec![
        good(
            okta(),
            json!({}),
            json!({ "ver": 1, "jti": "AT.x", "aud": "api://default", "cid": "0oa1", "uid": "00u1", "auth_time": NOW,
                "scp": ["openid", "read:movies"], "sub": "rea@example.com", "groups": ["Everyone", "curator"] }),
            "p|00u1",
            "read:movies create:movies update:movies read:news",
        ),
        good(
            okta(),
            json!({}),
            json!({ "ver": 1, "jti": "AT.y", "aud": "api://default", "cid": "0oa1", "scp": ["read:movies"], "sub": "0oa1" }),
            "p|0oa1",
            "read:movies read:news",
        ),
        good(
            auth0(),
            json!({ "typ": "JWT" }),
            json!({ "aud": ["https://api.example", "https://example.eu.auth0.com/userinfo"], "azp": "spa",
                "sub": "auth0|5f7c", "scope": "openid profile read:books create:books",
                "permissions": ["read:books", "delete:books"],
                "http://schemas.microsoft.com/ws/2008/06/identity/claims/role": ["curator"] }),
            "p|auth0|5f7c",
            "create:books read:books delete:books create:movies update:movies read:news",
        ),
        good(
            auth0(),
            json!({ "typ": "at+jwt" }),
            json!({ "aud": "https://old.example", "client_id": "spa", "jti": "j", "sub": "auth0|5f7c", "scope": "" }),
            "p|auth0|5f7c",
            "read:news",
        ),
        good(
            google(),
            json!({ "typ": "JWT" }),
            json!({ "aud": "1-a.apps.googleusercontent.com", "azp": "1-a.apps.googleusercontent.com", "sub": "1109",
                "hd": "example.com", "email": "rea@example.com", "email_verified": true, "at_hash": "h", "nonce": "n" }),
            "p|1109",
            "read:news",
        ),
        good(
            google(),
            json!({ "typ": "JWT" }),
            json!({ "iss": "accounts.google.com", "aud": "1-a.apps.googleusercontent.com", "sub": "1109",
                "hd": "example.com" }),
            "p|1109",
            "read:news",
        ),
        good(
            entra(),
            json!({ "typ": "JWT", "x5t": "t" }),
            json!({ "ver": "2.0", "aud": "11111111-2222-4333-8444-555555555555", "azp": "spa", "azpacr": "0",
                "tid": TENANT, "oid": "0001", "sub": "pairwise", "scp": "read:movies", "roles": ["curator"], "uti": "u" }),
            "p|a1b2c3d4-0000-4000-8000-123456789abc|0001",
            "read:movies create:movies update:movies read:news",
        ),
        good(
            entra(),
            json!({ "typ": "JWT", "x5t": "t" }),
            json!({ "iss": format!("https://sts.windows.net/{TENANT}/"), "ver": "1.0", "aud": "api://movies",
                "appid": "daemon", "appidacr": "1", "idtyp": "app", "tid": TENANT, "oid": "0002", "sub": "0002" }),
            "p|a1b2c3d4-0000-4000-8000-123456789abc|0002",
            "read:news",
        ),
        good(
            cognito(),
            json!({}),
            json!({ "client_id": "c1", "token_use": "access", "version": 2, "origin_jti": "o", "jti": "j",
                "scope": "openid movies/read:movies other/delete:movies", "cognito:groups": ["curator"],
                "sub": "aaaa", "username": "rea" }),
            "p|aaaa",
            "read:movies create:movies update:movies read:news",
        ),
        good(
            keycloak(),
            json!({ "typ": "JWT" }),
            json!({ "aud": ["api", "account"], "typ": "Bearer", "azp": "spa", "sub": "f:1:rea", "sid": "s", "acr": "1",
                "scope": "openid read:news email", "realm_access": { "roles": ["curator", "not admin"] },
                "resource_access": { "api": { "roles": ["read:movies"] }, "other": { "roles": ["admin"] } },
                "email": "rea@example.com", "email_verified": true, "name": "Rea Oku" }),
            "p|f:1:rea",
            "read:news read:movies create:movies update:movies",
        ),
        good(
            generic(),
            json!({ "typ": "at+jwt" }),
            json!({ "aud": "api", "client_id": "c", "jti": "j", "sub": "rea", "scope": "read:movies",
                "entitlements": ["delete:movies"], "realm": { "roles": ["curator"] } }),
            "p|rea",
            "read:movies delete:movies create:movies update:movies read:news",
        ),
    ]
}

#[tokio::test]
async fn the_access_tokens_of_each_provider_pass_with_what_they_grant() {
    for Good { settings, header, claims, id, may } in good() {
        let actor = Signed::new(provider("p", settings)).ask(&header, &claims).await;
        let actor = actor.unwrap_or_else(|refusal| panic!("{refusal}: {claims}"));
        assert_eq!((actor.id(), actor.provider()), (id, Some("p")), "{claims}");
        let sorted = |text: &str| {
            let mut words: Vec<_> = text.split(' ').map(str::to_owned).collect();
            words.sort();
            words
        };
        assert_eq!(sorted(&permissions(&actor)), sorted(may), "{claims}");
    }
}

/// What makes another kind, or somebody else's, of each good token; `null` takes a claim away.
#[tokio::test]
async fn no_other_token_of_a_provider_is_an_access_token() {
    let others: [(&str, Value, Value); 9] = [
        ("an ID token by its nonce", json!({}), json!({ "nonce": "n" })),
        ("an ID token by its hash", json!({}), json!({ "at_hash": "h" })),
        ("a logout token", json!({ "typ": "logout+jwt" }), json!({})),
        ("a logout token by its events", json!({}), json!({ "events": {}, "sub": null, "sid": "s" })),
        ("bound to a key", json!({}), json!({ "cnf": { "jkt": "k" } })),
        ("a proof of possession", json!({ "typ": "dpop+jwt" }), json!({})),
        ("Okta's own", json!({ "typ": "application/okta-internal-at+jwt" }), json!({})),
        ("nobody's", json!({}), json!({ "sub": null, "oid": null, "uid": null })),
        ("for everybody", json!({}), json!({ "aud": null, "client_id": null })),
    ];
    for Good { settings, header, claims, .. } in good() {
        let google = settings["preset"] == "google";
        let signed = Signed::new(provider("p", settings));
        for (what, more, change) in others.iter().filter(|(what, ..)| !(google && what.starts_with("an ID token"))) {
            let (mut header, mut claims) = (header.clone(), claims.clone());
            header.as_object_mut().unwrap().extend(object(more));
            claims.as_object_mut().unwrap().extend(object(change));
            assert!(signed.ask(&header, &claims).await.is_err(), "{what}: {claims}");
        }
    }
}

/// Those that have neither nonce nor hash, and are told by what access tokens alone have.
#[tokio::test]
async fn an_id_token_for_the_audience_of_the_api_is_none_of_its_access_tokens() {
    let cases = [
        (okta(), json!({ "ver": 1, "jti": "ID.x", "aud": "api://default", "sub": "00u1", "amr": ["pwd"], "idp": "i" })),
        (auth0(), json!({ "aud": "https://api.example", "sub": "auth0|5f7c", "sid": "s" })),
        (
            entra(),
            json!({ "ver": "2.0", "aud": "11111111-2222-4333-8444-555555555555", "tid": TENANT, "oid": "1", "sub": "x" }),
        ),
        (cognito(), json!({ "aud": "c1", "client_id": "c1", "token_use": "id", "sub": "aaaa" })),
        // After a refresh an ID token need have neither `nonce` nor `at_hash`.
        (
            generic(),
            json!({ "aud": "api", "azp": "api", "sub": "rea", "sid": "s", "jti": "j", "realm": { "roles": ["admin"] } }),
        ),
        (keycloak(), json!({ "aud": "api", "typ": "ID", "azp": "api", "sub": "rea" })),
        (keycloak(), json!({ "aud": "api", "typ": "Refresh", "azp": "api", "sub": "rea" })),
    ];
    for (settings, claims) in cases {
        assert_eq!(
            Signed::new(provider("p", settings)).ask(&json!({ "typ": "JWT" }), &claims).await.err(),
            Some(Refusal::Kind),
            "{claims}"
        );
    }
}

#[tokio::test]
async fn what_a_provider_lets_be_limited_is_limited() {
    let other = |settings: Value, index: usize, change: Value| (settings, index, change);
    for (settings, index, change) in [
        other(auth0(), 2, json!({ "azp": "another" })),
        other(auth0(), 3, json!({ "client_id": "another" })),
        other(google(), 4, json!({ "hd": "evil.example" })),
        other(google(), 4, json!({ "hd": null })),
        other(entra(), 6, json!({ "tid": "b1b2c3d4-0000-4000-8000-123456789abc" })),
        other(entra(), 6, json!({ "oid": null })),
    ] {
        let Good { header, mut claims, .. } = good().remove(index);
        claims.as_object_mut().unwrap().extend(object(&change));
        assert!(Signed::new(provider("p", settings)).ask(&header, &claims).await.is_err(), "{claims}");
    }
}

#[tokio::test]
async fn tenants_of_entra_that_are_not_named_do_not_come_in_nor_does_one_speak_for_another() {
    let (one, two, three) = (TENANT, "b1b2c3d4-0000-4000-8000-123456789abc", "c1b2c3d4-0000-4000-8000-123456789abc");
    let settings = json!({ "preset": "entra", "tenant": [one, two], "audience": "api" });
    let signed = Signed::new(provider("p", settings));
    let claims = |iss: &str, tid: &str| {
        let iss = format!("https://login.microsoftonline.com/{iss}/v2.0");
        json!({ "iss": iss, "tid": tid, "aud": "api", "azp": "spa", "oid": "1", "sub": "s" })
    };
    let ask = async |iss, tid| {
        signed.ask(&json!({ "typ": "JWT" }), &claims(iss, tid)).await.map(|actor| actor.id().to_owned())
    };
    assert_eq!(ask(one, one).await.unwrap(), format!("p|{one}|1"));
    assert_eq!(ask(two, two).await.unwrap(), format!("p|{two}|1"));
    assert_eq!(ask(three, three).await, Err(Refusal::Issuer));
    assert_eq!(ask(one, two).await, Err(Refusal::Kind));
    assert_eq!(ask("{tenantid}", one).await, Err(Refusal::Issuer));
}

#[tokio::test]
async fn a_key_that_is_marked_as_one_tenants_signs_for_no_other() {
    use crate::token::world::{Signer, clock};
    use std::{io::Write, sync::Arc};
    use tollgate_auth::{Issuers, provider::KeySource, token::Algorithm};

    let (one, two) = (TENANT, "b1b2c3d4-0000-4000-8000-123456789abc");
    let issuer = |tenant: &str| format!("https://login.microsoftonline.com/{tenant}/v2.0");
    let signer = Signer::new(&issuer(one), Algorithm::RS256);
    for (mark, signs_for) in [
        (issuer(one), vec![one]),
        (format!("https://sts.windows.net/{two}/"), vec![two]),
        (issuer("{tenantid}"), vec![one, two]),
        (issuer("9188040d-6c67-4c5b-b112-36a304b66dad"), vec![]),
    ] {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let mut jwk = signer.pair.jwk("k1");
        jwk["issuer"] = json!(mark);
        file.write_all(json!({ "keys": [jwk] }).to_string().as_bytes()).unwrap();
        let mut entra = provider("p", json!({ "preset": "entra", "tenant": [one, two], "audience": "api" }));
        entra.keys = KeySource::File(file.path().to_owned());
        let clock: Arc<dyn tollgate_core::Clock> = Arc::new(clock());
        let gate = Issuers::start(vec![entra], &super::roles(), &clock).unwrap().gate(clock, 10).unwrap();
        for tenant in [one, two] {
            let claims = json!({ "iss": issuer(tenant), "tid": tenant, "aud": "api", "azp": "spa", "oid": "1", "sub": "s",
                "iat": NOW - 5, "exp": NOW + 600 });
            let judged = gate.check(&signer.token(&json!({ "alg": "RS256", "kid": "k1" }), &claims)).await;
            let expected = if signs_for.contains(&tenant) { None } else { Some(Refusal::UnknownKey) };
            assert_eq!(judged.err(), expected, "{mark} for {tenant}");
        }
    }
}

#[tokio::test]
async fn the_same_name_at_two_issuers_is_two_people() {
    let issuer = |name: &str| {
        let url = format!("https://{name}.example");
        provider(name, json!({ "preset": "generic", "issuer": url, "audience": "api" }))
    };
    let all = Signed::all(vec![issuer("one"), issuer("two")]);
    let claims = json!({ "aud": "api", "sub": "alice", "client_id": "spa" });
    let mut ids = vec![];
    for signed in &all {
        ids.push(signed.ask(&json!({}), &claims).await.unwrap().id().to_owned());
    }
    assert_eq!(ids, ["one|alice", "two|alice"]);
}

#[tokio::test]
async fn a_token_of_one_issuer_signed_with_the_key_of_another_is_refused() {
    let issuer = |name: &str| {
        let url = format!("https://{name}.example");
        provider(name, json!({ "preset": "generic", "issuer": url, "audience": "api" }))
    };
    let all = Signed::all(vec![issuer("one"), issuer("two")]);
    let claims = json!({ "aud": "api", "sub": "alice", "client_id": "spa" });
    let forged = all[1]
        .token(&json!({}), &json!({ "aud": "api", "sub": "alice", "client_id": "spa", "iss": "https://one.example" }));
    for signed in &all {
        assert_eq!(signed.judge(&forged).await.err(), Some(Refusal::Signature));
        assert!(signed.judge(&all[1].token(&json!({}), &claims)).await.is_ok());
    }
}

#[tokio::test]
async fn an_issuer_that_is_limited_grants_no_more_whatever_its_tokens_and_roles_say() {
    let settings = json!({ "preset": "generic", "issuer": "https://id.example", "audience": "api",
        "permissions": ["read:*", "create:movies"] });
    let signed = Signed::new(provider("p", settings));
    let claims = json!({ "aud": "api", "sub": "rea", "scope": "read:books:any delete:books", "roles": ["curator"] });
    let actor = signed.ask(&json!({}), &claims).await.unwrap();
    assert_eq!(permissions(&actor), "read:books create:movies read:news");
    let claims = json!({ "aud": "api", "sub": "rea", "scope": "*", "roles": ["admin"] });
    let actor = signed.ask(&json!({}), &claims).await.unwrap();
    assert_eq!(permissions(&actor), "read:* create:movies read:news");
}

#[tokio::test]
async fn an_address_counts_where_the_provider_has_verified_it() {
    let signed = Signed::new(provider("p", generic()));
    for (verified, email) in [
        (json!(true), Some("a@b.example")),
        (json!("true"), Some("a@b.example")),
        (json!(false), None),
        (Value::Null, None),
    ] {
        let claims = json!({ "aud": "api", "sub": "rea", "scp": [], "name": "Rea", "email": "a@b.example", "email_verified": verified });
        let actor = signed.ask(&json!({}), &claims).await.unwrap();
        assert_eq!((actor.email(), actor.name()), (email, Some("Rea")));
    }
}

#[tokio::test]
async fn a_subject_that_could_not_be_kept_or_shown_is_refused() {
    let signed = Signed::new(provider("p", generic()));
    let long = "x".repeat(256);
    for subject in [json!(""), json!("a\u{0}b"), json!("a\nb"), json!(long), json!(7), json!(["a"])] {
        let refused = signed.ask(&json!({}), &json!({ "aud": "api", "sub": subject, "scope": "" })).await;
        assert_eq!(refused.err(), Some(Refusal::Claim("sub")), "{subject}");
    }
    assert!(signed.ask(&json!({}), &json!({ "aud": "api", "sub": &long[1..], "scope": "" })).await.is_ok());
}

#[tokio::test]
async fn a_shared_secret_and_a_file_of_keys_are_issuers_too() {
    use crate::token::world::{Pair, Signer, clock};
    use std::sync::Arc;
    use tollgate_auth::{Issuers, token::Algorithm};
    use tollgate_core::Clock;

    let secret = "h3Vw8pZr5KtYd2QnXc6MjLs9BgFa4EuT";
    let settings = json!({ "preset": "secret", "issuer": "legacy", "audience": "api", "secret": secret });
    let clock: Arc<dyn Clock> = Arc::new(clock());
    let issuers = Issuers::start(vec![provider("old", settings)], &super::roles(), &clock).unwrap();
    let signer = Signer { name: "legacy".into(), algorithm: Algorithm::HS256, pair: Pair::Secret(secret.into()) };
    let gate = issuers.gate(Arc::clone(&clock), 10).unwrap();
    assert_eq!(gate.actor(&signer.good(1)).await.unwrap().id(), "old|ann");
    let mut plain = signer.claims(2);
    plain.as_object_mut().unwrap().remove("scope");
    let plain = signer.token(&json!({ "alg": "HS256" }), &plain);
    assert_eq!(gate.actor(&plain).await.err(), Some(Refusal::Kind), "nothing says that it is an access token");
    let settings = json!({ "preset": "secret", "issuer": "legacy", "audience": "api", "secret": secret,
        "insecure_untyped_tokens": true });
    let issuers = Issuers::start(vec![provider("old", settings)], &super::roles(), &clock).unwrap();
    assert!(issuers.gate(Arc::clone(&clock), 10).unwrap().actor(&plain).await.is_ok(), "but where that is taken");
    let other = Signer { pair: Pair::Secret(secret.to_lowercase().into()), ..signer };
    assert_eq!(gate.actor(&other.good(1)).await.err(), Some(Refusal::Signature));
}
