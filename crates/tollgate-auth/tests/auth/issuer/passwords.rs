//! Passwords: which are taken, which fit, and what old hashes become.

use super::{PASSWORD, World, secret};
use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version, password_hash::phc::PasswordHash};
use axum::http::StatusCode;
use std::sync::Arc;
use tollgate_auth::{
    Error, UserPatch,
    password::{Passwords, Unfit, Verdict, check},
};
use tollgate_core::Change;

#[test]
fn a_password_is_judged_by_its_length_and_by_who_else_has_it() {
    let own = "kX mQ vL pR zW nB ";
    for (password, verdict) in [
        ("", Err(Unfit::TooShort(15))),
        ("kX9 mQ2 vL7 pR", Err(Unfit::TooShort(15))),
        ("ünïcödé örtlïç", Err(Unfit::TooShort(15))),
        ("kX9 mQ2 vL7 pR4", Ok(())),
        ("ünïcödés örtlïç", Ok(())),
        (" no composition rules ", Ok(())),
        (&own.repeat(8), Ok(())),
        (&own.repeat(56), Ok(())),
        (&own.repeat(57), Err(Unfit::TooLong)),
        ("qwertyuiop123456789", Err(Unfit::Common)),
        ("Ada Osei Ada Osei", Err(Unfit::Common)),
    ] {
        assert_eq!(check(&secret(password), 15, &["Ada Osei"]), verdict, "{password}");
    }
    assert_eq!(check(&secret("kX9 mQ2"), 1, &[]), Err(Unfit::TooShort(8)), "no setting goes below eight");
}

async fn judge(password: &str, stored: &str) -> Verdict {
    Passwords::default().judge(secret(password), Some(stored.to_owned())).await.unwrap()
}

#[tokio::test]
async fn a_password_is_compared_to_the_code_point() {
    let stored = Passwords::default().hash(secret("Pässword 1")).await.unwrap();
    assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
    assert_ne!(stored, Passwords::default().hash(secret("Pässword 1")).await.unwrap(), "each has a salt of its own");
    assert_eq!(judge("Pässword 1", &stored).await, Verdict::Right);
    for other in ["Pa\u{308}ssword 1", "pässword 1", "Pässword 1 ", " Pässword 1", "Pässword", "Pässword 1\0", ""]
    {
        assert_eq!(judge(other, &stored).await, Verdict::Wrong, "{other:?}");
    }
    let long = "a".repeat(1024);
    let stored = Passwords::default().hash(secret(&long)).await.unwrap();
    assert_eq!(judge(&long, &stored).await, Verdict::Right);
    assert_eq!(judge(&long[1..], &stored).await, Verdict::Wrong, "nothing is cut off");
}

#[tokio::test]
async fn nobody_has_the_hash_that_unknown_users_are_held_against() {
    for password in ["", "nobody", PASSWORD, &"a".repeat(1024)] {
        assert_eq!(Passwords::default().judge(secret(password), None).await.unwrap(), Verdict::Wrong);
    }
}

#[tokio::test]
async fn hashes_of_others_are_accepted_and_outdated() {
    let bcrypt = bcrypt::hash(PASSWORD, 4).unwrap();
    for prefix in ["$2a$", "$2b$", "$2y$"] {
        let stored = format!("{prefix}{}", &bcrypt[4..]);
        assert_eq!(judge(PASSWORD, &stored).await, Verdict::Outdated);
        assert_eq!(judge("wrong", &stored).await, Verdict::Wrong);
    }
    // "password" and "somesalt" of the argon2 reference implementation's own tests, v=19, m=256, t=2, p=1.
    let argon2i = "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8";
    assert_eq!(judge("password", argon2i).await, Verdict::Outdated);
    assert_eq!(judge("Password", argon2i).await, Verdict::Wrong);
}

#[tokio::test]
async fn bcrypt_refuses_what_it_would_not_read_whole() {
    let stored = |password: &str| bcrypt::hash(password, 4).unwrap();
    let (most, more) = ("a".repeat(72), "a".repeat(73));
    assert_eq!(judge(&most, &stored(&most)).await, Verdict::Outdated);
    assert_eq!(judge(&more, &stored(&more)).await, Verdict::Wrong);
    assert_eq!(judge(&more, &stored(&most)).await, Verdict::Wrong, "the first 72 bytes are the same");
    assert_eq!(judge("pass\0word", &stored("pass\0word")).await, Verdict::Wrong);
}

#[tokio::test]
async fn a_hash_that_is_none_or_would_cost_too_much_fits_nobody() {
    // Those that are hashes of a kind we accept are of this very password.
    let argon2 = |memory, passes, lanes| {
        let params = Params::new(memory, passes, lanes, None).unwrap();
        let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        PasswordHasher::<PasswordHash>::hash_password(&hasher, PASSWORD.as_bytes()).unwrap().to_string()
    };
    assert_eq!(judge(PASSWORD, &argon2(256, 16, 1)).await, Verdict::Outdated);
    for stored in [
        "",
        PASSWORD,
        "$argon2id$",
        "$2x$04$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "$2b$15$jkxh50xHQOeVMilhdGBHAO3uFrU7CqH.ZkrV.HrhwJ/vNti.e5.8a",
        &argon2(256, 17, 1),
        &argon2(256, 1, 17),
        &argon2(16 * 19 * 1024 + 8, 1, 1),
        "$pbkdf2-sha256$i=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8",
    ] {
        assert_eq!(judge(PASSWORD, stored).await, Verdict::Wrong, "{stored}");
    }
}

#[tokio::test]
async fn a_good_sign_in_replaces_an_old_hash_and_a_bad_one_does_not() {
    let world = World::new().await;
    let old = bcrypt::hash(PASSWORD, 4).unwrap();
    let patch = UserPatch { password_hash: Change::Set(old.clone()), ..UserPatch::default() };
    world.change("rea@example.test", patch).await;
    let mut browser = world.browser();
    assert_eq!(browser.sign_in("rea@example.test", "wrong password").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(world.user("rea@example.test").await.password_hash, old);
    world.rea().await;
    assert!(world.user("rea@example.test").await.password_hash.starts_with("$argon2id$"));
    world.rea().await;
}

/// One core has 33 places: the one at work, and 32 who wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_comes_when_all_places_are_taken_is_told_to_come_later() {
    let passwords = Arc::new(Passwords::on(1));
    let tries: Vec<_> = (0..60)
        .map(|_| {
            let passwords = Arc::clone(&passwords);
            tokio::spawn(async move { passwords.judge(secret(PASSWORD), None).await })
        })
        .collect();
    let (mut done, mut busy) = (0, 0);
    for outcome in tries {
        match outcome.await.unwrap() {
            Ok(verdict) => done += usize::from(verdict == Verdict::Wrong),
            Err(Error::Busy) => busy += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(done >= 33 && busy >= 1 && done + busy == 60, "{done} were judged, {busy} sent away");
    assert_eq!(passwords.judge(secret(PASSWORD), None).await.unwrap(), Verdict::Wrong, "places are given back");
    assert_eq!(tollgate_core::Problem::from(Error::Busy).status(), StatusCode::SERVICE_UNAVAILABLE);
}
