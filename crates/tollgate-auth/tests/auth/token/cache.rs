//! A remembered token ends when it must.

use crate::token::world::{NOW, Signer, clock, gate_of};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tollgate_auth::{
    Gate, Refusal,
    token::{Algorithm, Keys},
};

#[tokio::test]
async fn a_remembered_token_ends_at_the_second_it_would_have_ended_anyway() {
    let (signer, clock) = (Signer::new("https://a", Algorithm::ES256), clock());
    let gate = gate_of(&[&signer], &clock);
    let token = signer.good(1);
    for (seconds, remembered) in [(0, 1), (599, 1), (1, 0), (29, 0)] {
        clock.advance(Duration::from_secs(seconds));
        assert!(gate.check(&token).await.is_ok());
        assert!(gate.remembered() <= 1 && gate.remembered() >= remembered);
    }
    clock.advance(Duration::from_secs(1));
    assert_eq!(gate.check(&token).await, Err(Refusal::Expired));
}

/// The name of what is remembered is that of the signature alone.
#[tokio::test]
async fn no_other_claims_pass_under_a_signature_that_is_remembered() {
    let signer = Signer::new("https://a", Algorithm::ES256);
    let gate = gate_of(&[&signer], &clock());
    let [token, other] = [1, 2].map(|jti| String::from_utf8(signer.good(jti)).unwrap());
    assert!(gate.check(token.as_bytes()).await.is_ok());
    let (claims, signature) = (other.rsplit_once('.').unwrap().0, token.rsplit_once('.').unwrap().1);
    for forged in [format!("{claims}.{signature}"), format!(".{signature}"), signature.to_owned()] {
        assert!(gate.check(forged.as_bytes()).await.is_err(), "{forged}");
    }
    assert!(gate.check(token.as_bytes()).await.is_ok(), "and it stays remembered");
    assert_eq!(gate.remembered(), 1);
}

#[tokio::test]
async fn the_skew_is_exact_and_bounded() {
    let signer = Signer::new("https://a", Algorithm::ES256);
    for skew in [0, 1, 30, 120] {
        let issuer = signer.issuer(Keys::fixed(signer.keys())).skew(Duration::from_secs(skew)).unwrap();
        let gate = Gate::new(vec![issuer], Arc::new(clock()), 10).unwrap();
        let past = |exp| json!({"iss": "https://a", "sub": "ann", "aud": "api", "exp": exp});
        let future =
            |name: &str, at: u64| json!({"iss": "https://a", "sub": "ann", "aud": "api", "exp": NOW + 900, name: at});
        let cases = [
            (past(NOW - skew + 1), Ok(())),
            (past(NOW - skew), Err(Refusal::Expired)),
            (past(NOW - skew - 1), Err(Refusal::Expired)),
            (future("nbf", NOW + skew), Ok(())),
            (future("nbf", NOW + skew + 1), Err(Refusal::NotYet)),
            (future("iat", NOW + skew), Ok(())),
            (future("iat", NOW + skew + 1), Err(Refusal::NotYet)),
        ];
        for (claims, expected) in cases {
            let answer = gate.check(&signer.token(&signer.header(), &claims)).await.map(|_| ());
            assert_eq!(answer, expected, "skew {skew}: {claims}");
        }
    }
    assert!(signer.issuer(Keys::fixed(signer.keys())).skew(Duration::from_secs(121)).is_err());
}

#[tokio::test]
async fn a_revocation_ends_remembered_and_new_tokens_alike() {
    let signer = Signer::new("https://a", Algorithm::ES256);
    let gate = gate_of(&[&signer], &clock());
    let (one, two) = (signer.good(1), signer.good(2));
    assert!(gate.check(&one).await.is_ok() && gate.check(&two).await.is_ok());
    gate.revocations().revoke_token("https://a", "1", NOW + 600);
    assert_eq!(gate.check(&one).await, Err(Refusal::Revoked));
    assert_eq!(gate.check(&one).await, Err(Refusal::Revoked));
    assert!(gate.check(&two).await.is_ok());
    gate.revocations().revoke_subject("https://a", "ann", 7, NOW + 600);
    assert_eq!(gate.check(&two).await, Err(Refusal::Revoked), "it names no version");
    for (version, is_good) in [(json!(7), false), (json!("8"), false), (json!(8), true)] {
        let mut claims = signer.claims(3);
        claims["user_version"] = version.clone();
        let answer = gate.check(&signer.token(&signer.header(), &claims)).await;
        assert_eq!(answer.is_ok(), is_good, "{version}: whatever the clocks of two instances say");
    }
}

/// A weaker revocation that arrives later takes nothing back, and the skew is counted in.
#[tokio::test]
async fn a_revocation_is_not_forgotten_while_its_token_could_be_alive() {
    for whole_subject in [false, true] {
        let (signer, clock) = (Signer::new("https://a", Algorithm::ES256), clock());
        let issuer = signer.issuer(Keys::fixed(signer.keys())).skew(Duration::from_mins(2)).unwrap();
        let gate = Gate::new(vec![issuer], Arc::new(clock.clone()), 10).unwrap();
        let revocations = gate.revocations();
        for until in [NOW + 600, NOW] {
            if whole_subject {
                revocations.revoke_subject("https://a", "ann", until - 600, until);
            } else {
                revocations.revoke_token("https://a", "1", until);
            }
        }
        clock.advance(Duration::from_secs(719));
        revocations.purge(NOW + 719);
        assert_eq!(gate.check(&signer.good(1)).await, Err(Refusal::Revoked));
        revocations.purge(NOW + 720);
        assert!(gate.check(&signer.good(1)).await.is_ok(), "forgotten at the second from which it cannot be alive");
    }
}

/// (r, s) and (r, n − s) are both signatures: the same token in other bytes must not escape its revocation.
#[tokio::test]
async fn the_twin_of_an_ecdsa_token_is_revoked_with_it() {
    const N: &str = "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551";
    let order: Vec<u8> = (0..32).map(|at| u8::from_str_radix(&N[2 * at..2 * at + 2], 16).unwrap()).collect();
    let signer = Signer::new("https://a", Algorithm::ES256);
    let gate = gate_of(&[&signer], &clock());
    let token = String::from_utf8(signer.good(1)).unwrap();
    let (message, signature) = token.rsplit_once('.').unwrap();
    let mut signature = BASE64.decode(signature).unwrap();
    let mut borrow = 0;
    for at in (0..32).rev() {
        let difference = i16::from(order[at]) - i16::from(signature[32 + at]) - borrow;
        borrow = i16::from(difference < 0);
        signature[32 + at] = u8::try_from(difference.rem_euclid(256)).unwrap();
    }
    let twin = format!("{message}.{}", BASE64.encode(signature));
    assert!(twin != token && gate.check(twin.as_bytes()).await.is_ok(), "the twin verifies");
    gate.revocations().revoke_token("https://a", "1", NOW + 600);
    assert_eq!(gate.check(twin.as_bytes()).await, Err(Refusal::Revoked));
    assert_eq!(gate.check(token.as_bytes()).await, Err(Refusal::Revoked));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_memory_is_bounded_and_shared() {
    let signer = Arc::new(Signer::new("https://a", Algorithm::HS256));
    let issuer = signer.issuer(Keys::fixed(signer.keys()));
    let gate = Arc::new(Gate::new(vec![issuer], Arc::new(clock()), 1000).unwrap());
    let callers: Vec<_> = (0..8)
        .map(|caller| {
            let (gate, signer) = (Arc::clone(&gate), Arc::clone(&signer));
            tokio::spawn(async move {
                for n in 0..2000 {
                    assert!(gate.check(&signer.good(caller % 4 * 2000 + n)).await.is_ok());
                    assert!(gate.check(&signer.good(caller)).await.is_ok());
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    println!("{} of 8000 remembered", gate.remembered());
    assert!(gate.remembered() <= 1024);
    for n in 0..1000 {
        assert!(gate.check(format!("a.b.{n}").as_bytes()).await.is_err());
    }
    assert!(gate.remembered() > 400, "garbage pushes nobody out");
}
