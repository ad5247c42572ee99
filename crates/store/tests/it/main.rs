//! Both databases against what the traits promise, and each against its own faults.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test says by panicking what is not as it should be"
)]
#![cfg(all(feature = "postgres", feature = "sqlite"))]

mod conformance;
mod conformance_accounts;
mod conformance_model;
mod postgres;
mod sqlite;
mod support;

/// Every promise, for every database.
macro_rules! conformance {
    ($($module:ident: $($case:ident)+;)+) => {
        conformance! { @each memory [$($module: $($case)+;)+] }
        conformance! { @each sqlite_file [$($module: $($case)+;)+] }
        conformance! { @each postgres_server [$($module: $($case)+;)+] }
    };
    (@each $backend:ident [$($module:ident: $($case:ident)+;)+]) => {
        mod $backend {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    let place = crate::support::$backend().await;
                    crate::$module::$case(place.store.clone()).await;
                }
            )+)+
        }
    };
}

conformance! {
    conformance:
        providers_are_written_where_they_differ
        a_listing_comes_back_as_it_was
        a_list_is_compared_with_what_is_there
        a_row_that_comes_back_counts_as_changed
        a_dry_run_counts_the_same_and_writes_nothing
        the_last_of_two_rows_with_one_id_wins
        lists_of_unknown_providers_are_refused
        an_empty_list_ends_all_rows
        pages_go_by_rising_keys
        the_catalogue_is_of_one_moment
        a_page_has_what_the_filter_says
        operators_prices_are_exact_and_stay
        health_is_written_without_the_listing
        many_rows_are_written_and_read
        replacing_at_once_serializes
        a_dropped_call_wrote_all_or_nothing
        a_schema_is_made_once;
    conformance_model:
        any_sequence_of_lists_shows_what_a_map_shows;
    conformance_accounts:
        users_have_unique_names
        a_key_is_found_by_its_digest_with_its_user
        a_key_ends_for_good
        plans_begin_and_end
        limits_and_trials_are_read_as_set
        a_charge_is_booked_once
        a_charge_over_the_balance_books_nothing
        charges_at_once_add_up
        use_is_counted_once_on_keys_and_trials
        bad_use_leaves_nothing_behind;
}
