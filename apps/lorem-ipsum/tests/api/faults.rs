//! The short form of the faults: what breaks, and what must hold, is in the crate `faults`.

use faults::{FAULTS, Form, Stage};

/// Breaks something; everything must hold.
async fn holds(id: &str) {
    let fault = FAULTS.iter().find(|fault| fault.id == id).unwrap();
    let stage = Stage { binary: env!("CARGO_BIN_EXE_lorem-ipsum").into(), form: Form::Short };
    let finding = fault.run(&stage).await;
    println!("{} acknowledged; {}", finding.acks, finding.words());
    assert!(finding.passed(), "{id}, {}: {}", fault.title, finding.failures.join("; "));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_a_killed_app() {
    holds("F1-sqlite").await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_are_let_go_at_their_limits_and_harm_nobody() {
    holds("F6").await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn without_file_descriptors_it_waits_for_one() {
    holds("F16").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_meets_no_panic_notices_none() {
    holds("F17").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_sign_ins_is_sent_away_and_harms_nobody() {
    holds("F7").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_honest_client_sends_is_refused_and_changes_nothing() {
    holds("F9").await;
}

mod postgres {
    use super::holds;

    mod redis {
        use super::holds;

        mod nginx {
            use super::holds;

            #[tokio::test(flavor = "multi_thread")]
            async fn nobody_notices_that_instances_are_replaced() {
                holds("F11").await;
            }
        }

        #[tokio::test(flavor = "multi_thread")]
        async fn without_redis_every_read_is_answered_and_nothing_opens() {
            holds("F12").await;
        }
    }

    mod faketime {
        use super::holds;

        #[tokio::test(flavor = "multi_thread")]
        async fn a_function_that_was_frozen_answers_as_if_it_had_not_been() {
            holds("F18").await;
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_acknowledged_survives_a_killed_app() {
        holds("F1-postgres").await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_acknowledged_survives_a_killed_server() {
        holds("F1-postgres-server").await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_restarted_server_is_told_with_503_and_costs_nothing_else() {
        holds("F2").await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_commit_that_nobody_was_told_of_is_stored_once_under_its_key() {
        holds("F3").await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_refresh_token_has_one_successor_whoever_races_and_whatever_is_killed() {
        holds("F14").await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn twice_the_load_is_served_as_far_as_it_can_be() {
        holds("F15").await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_full_pool_refuses_those_it_has_no_place_for_and_nobody_else() {
        holds("F8").await;
    }
}

mod faketime {
    use super::holds;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_calendar_that_jumps_lets_nobody_in_and_nobody_out() {
        holds("F10").await;
    }
}

mod oidc_provider {
    use super::holds;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_provider_that_is_away_is_missed_by_nobody_whose_key_is_known() {
        holds("F4").await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_storm_of_invented_keys_hides_no_change_of_keys_and_hurts_no_provider() {
        holds("F5").await;
    }
}

mod mongodb {
    use super::holds;

    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_acknowledged_survives_a_killed_app() {
        holds("F1-mongodb").await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_acknowledged_survives_a_killed_server() {
        holds("F1-mongodb-server").await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_sent_again_under_its_key_is_there_once() {
        holds("F1-mongodb-key").await;
    }
}

mod tmpfs {
    use super::holds;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_full_disk_stops_writes_alone_and_loses_nothing() {
        holds("F13").await;
    }
}
