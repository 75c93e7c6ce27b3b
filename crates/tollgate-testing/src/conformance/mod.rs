//! What every driver must do, as claims. A driver proves them all with one line in its tests:
//!
//! ```ignore
//! tollgate_testing::conformance!(empty);
//!
//! async fn empty() -> (Arc<dyn Database>, TempDir) {
//!     let folder = tempfile::tempdir().unwrap();
//!     (Arc::new(Sqlite::open(&folder.path().join("app.db")).unwrap()), folder)
//! }
//! ```
//!
//! Each claim becomes a test of its own on a database of its own, which the function makes; what it returns
//! beside the database lives as long.
//!
//! ```text
//! kinds.rs        what is stored comes back            scope.rs         another's row is absent
//! filters.rs      which rows match                     transactions.rs  together or not at all
//! sorts.rs        in which order                       concurrency.rs   groups share no misfortune
//! pages.rs        each row once                        agreement.rs     random questions, the answers of Rust
//! uniqueness.rs   no value twice
//! updates.rs      what changes, and what does not      nested.rs        lists, and values within values
//! upserting.rs    what comes, or changes what is there
//! bookkeeping.rs  random writes, and what Rust says they come to
//! audit.rs        no change without its record         following.rs    and none that a follower misses
//! resources.rs    what the suite stores
//! sql.rs          SQL of the app's own, with one more line: `tollgate_testing::sql_conformance!(empty);`
//! identity.rs     the embedded issuer on it, in races
//! ```

#![expect(missing_docs, reason = "the name of a claim is the claim")]
#![expect(clippy::missing_panics_doc, clippy::unwrap_used, clippy::expect_used, reason = "claims are tests")]
#![expect(clippy::cast_sign_loss, clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "few rows")]

mod agreement;
mod audit;
mod bookkeeping;
mod concurrency;
mod filters;
mod following;
mod identity;
mod kinds;
mod nested;
mod pages;
mod resources;
mod scope;
mod sorts;
mod sql;
mod transactions;
mod uniqueness;
mod updates;
mod upserting;

/// Offers the claims, and a macro that tests each of them. A claim that is not listed is dead code.
macro_rules! claims {
    ($dollar:tt $suite:ident $($topic:ident { $($claim:ident)+ })+) => {
        $(pub use $topic::{$($claim),+};)+

        /// One `#[tokio::test]` for each claim of the [suite](mod@crate::conformance).
        #[macro_export]
        macro_rules! $suite {
            ($dollar open:path) => {$(
                mod $topic {
                    use super::*;
                    $(
                        #[tokio::test(flavor = "multi_thread")]
                        async fn $claim() {
                            let (database, _guard) = $dollar open().await;
                            $crate::conformance::$claim(database).await;
                        }
                    )+
                }
            )+};
        }
    };
}

claims! { $ conformance
    kinds {
        the_least_and_the_greatest_values_are_kept
        null_is_kept_in_every_kind
        empty_text_is_not_null
        any_unicode_text_is_kept
        a_megabyte_of_text_is_kept
        nul_nan_and_infinity_are_refused
        moments_are_kept_to_the_microsecond
        moments_that_are_too_early_are_asked_for_and_not_stored
        zero_has_no_sign
        days_before_the_year_0_are_asked_for_and_not_stored
        a_choice_is_found_by_its_name_and_sorted_by_it
        chosen_keys_are_kept
        generated_keys_are_never_used_again
        hidden_values_are_stored
    }
    nested {
        lists_come_back_as_they_were
        a_list_is_asked_what_it_has
        values_within_come_back_as_they_were
        a_megabyte_within_is_kept
        nul_is_refused_wherever_it_hides
        what_has_too_many_levels_is_refused_and_harms_nobody
        null_is_an_empty_cell_and_nothing_else
        object_ids_are_found_compared_and_sorted
    }
    filters {
        each_operator_means_the_same_for_every_kind
        a_comparison_with_nothing_is_false_and_its_negation_true
        conditions_combine_as_they_are_nested
        text_is_searched_letter_by_letter
        nothing_compares_with_what_cannot_be_stored
        thousands_of_alternatives_are_searched
        long_lists_are_searched
    }
    sorts {
        null_comes_first_and_last_when_descending
        text_sorts_by_code_point
        columns_decide_in_the_order_they_are_given
        a_limit_takes_the_first_of_the_order
    }
    pages {
        walking_the_pages_visits_each_row_once_in_order
        the_last_page_knows_that_it_is
        pages_stay_within_the_filter
        pages_are_stable_while_rows_come_and_go
        pages_are_stable_while_others_write
        a_position_in_another_order_is_refused
    }
    agreement {
        the_database_answers_random_questions_as_rust_does
        the_database_answers_questions_that_nobody_asked_before_as_rust_does
    }
    uniqueness {
        a_value_that_is_taken_is_a_conflict_that_names_its_column
        a_key_that_is_taken_is_a_conflict_that_names_it
        empty_cells_are_not_equal
        a_change_into_a_taken_value_changes_nothing
        a_value_is_free_again_once_its_row_is_gone
        insert_many_adds_all_rows_or_none
    }
    updates {
        a_patch_changes_what_it_says_and_nothing_else
        a_patch_that_says_nothing_changes_nothing
        a_replacement_keeps_what_the_server_fills
        a_replacement_with_another_key_is_refused
        what_is_not_there_cannot_be_changed
        a_conditional_change_happens_only_as_believed
        a_row_is_replaced_or_removed_only_as_believed
        of_many_who_saw_the_same_row_one_writes
        every_change_is_counted_and_dated
        what_is_deleted_is_gone
        what_only_the_app_sets_no_caller_sends
        the_app_sets_no_field_that_the_server_keeps
    }
    upserting {
        an_upsert_adds_what_is_not_there_and_changes_what_is
        an_upsert_that_changes_nothing_leaves_what_is_there
        parallel_upserts_lose_no_addition
        an_upsert_is_part_of_its_transaction
        only_who_may_write_every_row_upserts
        what_has_no_key_of_its_own_is_not_upserted
        a_sum_that_is_too_large_is_refused_and_changes_nothing
    }
    bookkeeping {
        the_database_keeps_what_random_writes_come_to
    }
    scope {
        a_row_belongs_to_whoever_made_it
        a_foreign_row_is_absent
        anothers_value_is_told_as_taken_and_no_more
        any_lifts_the_scope
        no_row_is_made_outside_the_rows_of_its_writer
        nobody_gives_a_row_away
        who_has_no_rows_finds_none
        what_the_app_sets_stays_within_the_rows_of_the_caller
    }
    transactions {
        what_is_committed_is_kept_as_a_whole
        a_failure_leaves_nothing
        a_transaction_within_another_is_part_of_it
        what_is_left_half_way_takes_the_whole_along
        after_a_conflict_the_work_goes_on
        a_panic_leaves_nothing
        who_leaves_half_way_leaves_nothing
        it_reads_its_own_writes_and_nobody_else_does
        two_stores_take_part_in_one_transaction
        the_scope_holds_in_a_transaction
        one_cannot_start_inside_another
        a_store_of_another_database_cannot_take_part
        after_its_end_nothing_happens_in_it
        an_idle_one_does_not_hold_writers_up_forever
        a_write_past_its_own_transaction_is_answered
        they_take_turns
    }
    audit {
        each_write_of_an_audited_resource_is_recorded
        what_did_not_happen_is_not_recorded
        a_change_that_cannot_be_recorded_does_not_happen
    }
    following {
        each_write_of_a_followed_resource_is_logged_with_how_it_was
        an_upsert_is_logged_with_what_was_there
        what_did_not_happen_is_not_logged
        who_follows_parallel_writers_misses_nothing
        writers_of_one_followed_row_all_get_their_turn
    }
    concurrency {
        of_equal_rows_one_is_stored_and_each_other_fails_alone
        who_is_told_that_a_key_is_taken_finds_its_row
        parallel_inserts_are_answered_their_own_keys
        parallel_reads_answer_each_their_own_row
        a_key_that_no_row_can_have_harms_nobody
        a_row_that_cannot_be_read_harms_nobody
        who_waits_for_a_transaction_fails_no_other
        of_parallel_changes_of_one_version_one_wins
        who_leaves_takes_nobody_along
    }
    identity {
        parallel_guesses_do_not_beat_the_counter
        a_link_sets_one_password_however_many_use_it
        a_code_of_the_second_factor_is_good_once
        of_many_requests_with_one_code_none_keeps_what_it_got
        a_code_that_is_redeemed_during_a_sign_out_gives_nothing_that_lasts
        who_allows_a_client_many_times_at_once_goes_on_each_time
    }
}

claims! { $ sql_conformance
    sql {
        rows_of_the_resource_are_found_by_name
        rows_of_the_resource_are_filtered_sorted_and_paged
        rows_of_another_shape_are_read
        parameters_of_every_kind_are_bound
        nothing_in_a_parameter_is_sql
        no_text_shows_a_foreign_row
        a_text_that_could_tell_of_foreign_rows_is_refused
        who_has_no_rows_counts_none
        another_resource_takes_part_with_its_own_permission
        a_text_is_one_statement_that_reads
        mistakes_are_told_to_the_log
        a_transaction_reads_its_own_writes
    }
}
