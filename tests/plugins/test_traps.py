"""What the vendor's sample scripts stumble over, and the tests that hold that pinflow does not.

The numbers are those of the project's notes on the API (section 9, "Traps"). A line says what pinflow does instead; a
test may be named by several traps.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

TRAPS: dict[int, tuple[str, tuple[str, ...]]] = {
    1: (
        "a request carries its own account's token, whatever other threads do",
        (
            "core/test_client.py::test_threads_of_two_logins_never_send_each_others_secret",
            "plugins/test_auth_credential.py::test_a_request_carries_its_own_accounts_token_whatever_the_threads_do",
        ),
    ),
    2: (
        "a rate limit is waited out, or pauses the run; the headers are read",
        (
            "core/test_client.py::test_a_rate_limit_is_waited_out",
            "core/test_client.py::test_a_rate_limit_beyond_patience_pauses",
            "core/test_rate_limit_headers.py::test_limits_are_read_from_the_headers",
        ),
    ),
    3: (
        "a spam block stops the account's writes, and what was skipped is listed and counted",
        (
            "core/test_client.py::test_a_spam_block_stops_every_further_write_of_the_login",
            "plugins/test_v5_copy_board.py::test_a_video_is_skipped_with_the_reason",
            "plugins/test_v3_and_v5.py::test_tiles_among_the_pins_are_left_out_and_said_so",
        ),
    ),
    4: (
        "a run that stopped is resumed: nothing is lost, nothing is made twice",
        (
            "plugins/test_v5_copy_board.py::test_a_killed_copy_is_finished_on_resume",
            "faults/test_kills.py::test_killed_at_every_point_and_resumed_the_board_is_the_same",
            "plugins/test_v3_and_v5.py::test_a_killed_copy_is_completed_to_the_pin",
        ),
    ),
    5: (
        "a copy carries every field that can be made again, and empty texts are texts",
        (
            "plugins/test_copying.py::test_a_copied_pin_carries_all_that_its_author_wrote_and_nothing_that_is_the_services",
            "plugins/test_copying.py::test_an_empty_text_is_carried_and_an_absent_or_null_one_is_not",
            "plugins/test_v3_and_v5.py::test_a_board_of_v3_keeps_its_category_and_more",
            "plugins/test_v3_and_v5.py::test_a_carousel_is_copied_with_its_captions",
        ),
    ),
    6: (
        "the largest image is taken, whichever sizes there are; carousels are copied slot by slot",
        (
            "plugins/test_media_choice.py::test_the_best_image_is_the_original_or_else_the_largest",
            "plugins/test_media_choice.py::test_any_images_value_gives_a_url_or_none",
            "plugins/test_media_choice.py::test_a_carousel_is_carried_slot_by_slot_with_its_captions",
        ),
    ),
    7: (
        "a video is never turned into a picture unless that was asked for",
        (
            "plugins/test_v5_actions.py::test_a_video_is_not_copied_unless_as_its_cover",
            "plugins/test_v5_media.py::test_a_copy_of_a_video_shows_the_video_that_was_given",
            "plugins/test_v3_and_v5.py::test_a_video_is_copied_with_its_file_or_its_cover",
        ),
    ),
    8: (
        "every value of a query is encoded",
        (
            "core/test_client.py::test_a_listing_is_followed_to_its_end",
            "plugins/test_v5_ads.py::test_related_terms_come_for_each_term",
        ),
    ),
    9: (
        "an empty page with a bookmark is not the end, and an answer without a listing is an error",
        (
            "core/test_client.py::test_a_listing_is_followed_to_its_end",
            "core/test_client.py::test_an_answer_that_is_no_listing_is_malformed",
        ),
    ),
    10: (
        "waiting for a report or a video has a deadline, and every end has a word",
        (
            "plugins/test_v5_reports.py::test_every_other_end_has_a_word_and_leaves_the_old_file",
            "plugins/test_v5_reports.py::test_an_end_that_nobody_knows_is_told_as_it_is",
            "plugins/test_v5_media.py::test_a_video_is_not_waited_for_longer_than_wait_seconds",
            "plugins/test_v5_media.py::test_a_video_that_can_not_be_processed_is_named",
        ),
    ),
    11: (
        "every call has deadlines, shares connections, and survives faults of network and service",
        (
            "core/test_client.py::test_silence_ends_a_try",
            "core/test_client.py::test_the_deadline_ends_an_answer_that_drips",
            "core/test_client.py::test_calls_share_one_connection",
            "core/test_client.py::test_a_read_without_an_answer_is_tried_again",
        ),
    ),
    12: (
        "errors carry the service's code and words, whatever the body is; a redirect is no success",
        (
            "core/test_client.py::test_a_refusal_is_raised_at_once",
            "core/test_client.py::test_an_error_page_that_is_no_json_still_tells_its_status",
            "core/test_client.py::test_a_redirect_is_not_followed",
        ),
    ),
    13: (
        "deletions are judged like every other call",
        (
            "core/test_client.py::test_a_service_that_is_not_there_is_tried_again_for_every_method",
            "core/test_client.py::test_a_removal_whose_answer_was_lost_is_done_when_nothing_is_found",
        ),
    ),
    14: (
        "a token of the environment has no file, and nobody writes one for it",
        (
            "plugins/test_auth_precedence.py::test_an_environment_token_can_not_be_renewed",
            "plugins/test_auth_refresh.py::test_a_variables_token_can_not_be_refreshed",
        ),
    ),
    15: (
        "a token keeps the name that it was asked for by",
        ("plugins/test_auth_tokens.py::test_a_token_keeps_the_name_that_it_was_asked_for_by",),
    ),
    16: (
        "a refresh keeps everything that came with it, and happens by itself when a token ends",
        (
            "plugins/test_auth_refresh.py::test_a_refresh_stores_all_that_came_with_it",
            "plugins/test_auth_credential.py::test_a_token_that_ended_is_refreshed_without_the_recipe_saying_so",
            "plugins/test_auth_credential.py::test_the_new_refresh_token_is_on_disk_before_the_new_access_token_is_used",
        ),
    ),
    17: (
        "an app's own token is asked for anew, not refreshed with nothing",
        ("plugins/test_auth_refresh.py::test_an_app_gets_a_token_of_its_own_and_another_in_its_place",),
    ),
    18: (
        "each action declares just the scopes that its calls need",
        (
            "plugins/test_v5_actions.py::test_an_action_declares_just_the_scopes_and_quotas_that_its_calls_need",
            "plugins/test_v5_actions.py::test_an_action_works_with_no_more_than_the_scopes_that_it_declares",
        ),
    ),
    19: (
        "what a token may not do is known from its file, and named when the service refuses",
        (
            "plugins/test_auth_credential.py::test_a_credential_knows_its_scopes",
            "plugins/test_v5_actions.py::test_a_missing_scope_is_named",
        ),
    ),
    20: (
        "signing in survives stray requests, refusals, silence, taken ports, and needs no browser here",
        (
            "plugins/test_auth_login_callback.py::test_stray_requests_get_a_404_and_the_answer_still_counts",
            "plugins/test_auth_login_callback.py::test_a_refusal_ends_the_waiting",
            "plugins/test_auth_login_callback.py::test_when_nobody_answers_the_waiting_ends_and_says_what_came",
            "plugins/test_auth_login_callback.py::test_a_port_that_is_taken_on_either_address_stops_before_anything_opens",
            "plugins/test_auth_login.py::test_the_address_can_be_pasted_from_another_machines_browser",
        ),
    ),
    21: (
        "a broken token is an error, and never sends anybody to a browser",
        (
            "plugins/test_auth_precedence.py::test_a_broken_file_is_never_passed_over",
            "plugins/test_auth_precedence.py::test_a_broken_variable_is_never_passed_over",
        ),
    ),
    22: (
        "a token's file is whole and its owner's alone at every instant",
        (
            "plugins/test_auth_files.py::test_a_file_is_never_wider_not_even_at_birth",
            "plugins/test_auth_processes.py::test_a_refresh_killed_at_any_system_call_leaves_a_whole_file",
        ),
    ),
    23: (
        "a name that no variable can have is found under one that it can",
        ("plugins/test_auth_precedence.py::test_characters_that_a_variable_can_not_have_become_underscores",),
    ),
    24: (
        "an upload is streamed, tried again when it is lost, and shows nothing that it is signed with",
        (
            "core/test_file_transfer.py::test_a_large_file_is_never_in_memory_as_a_whole",
            "core/test_file_transfer.py::test_a_lost_upload_is_sent_again_from_the_start",
            "plugins/test_v5_media.py::test_a_store_that_refuses_is_told_without_what_it_was_signed_with",
        ),
    ),
    25: (
        "digits are an id, and a file ends like one; what is neither is named before anything is written",
        (
            "plugins/test_v5_media.py::test_digits_are_the_id_of_an_uploaded_video",
            "plugins/test_v5_media.py::test_an_unknown_video_fails_before_the_first_write",
        ),
    ),
    26: (
        "an upload is over before anybody waits for it, and a store's refusal is an error; ids are text",
        (
            "plugins/test_v5_media.py::test_a_video_is_uploaded_whole_and_waited_for",
            "core/test_file_transfer.py::test_an_upload_that_the_store_refuses_is_not_retried",
            "plugins/test_v5_actions.py::test_an_id_given_as_a_number_is_kept_exactly",
        ),
    ),
    27: (
        "figures come for every level, ads too",
        ("plugins/test_v5_ads.py::test_figures_of_every_level_come_by_day",),
    ),
    28: (
        "a report's filters are sent under the key that the service reads",
        (
            "plugins/test_v5_reports.py::test_metrics_filters_are_sent_under_the_services_key",
            "plugins/test_v3_and_v5.py::test_the_filters_of_a_report_count",
        ),
    ),
    29: (
        "what deletes asks, does not take silence for a yes, and can be told so beforehand",
        (
            "core/test_cli_commands.py::test_deleting_needs_an_approval",
            "core/test_cli_commands.py::test_no_input_means_that_nobody_is_asked",
            "core/test_cli_commands.py::test_the_end_of_the_input_is_an_error_while_asking",
        ),
    ),
    30: (
        "which boards are deleted is settled before the first deletion; those of others stay",
        (
            "plugins/test_v5_recipes.py::test_delete_all_boards_deletes_only_boards_that_the_account_owns",
            "plugins/test_v5_actions.py::test_which_boards_are_deleted_is_settled_before_the_first_and_stays_so_on_resume",
        ),
    ),
    31: (
        "copying all boards leaves out group boards of others and boards for ads, and says so",
        (
            "plugins/test_v5_copy_all_boards.py::test_group_boards_of_others_are_left_out_unless_they_are_wanted",
            "plugins/test_v5_copy_all_boards.py::test_boards_for_ads_only_are_left_out_with_the_reason",
        ),
    ),
    32: (
        "a dry run finds what the real run would stumble over, and tells its totals",
        (
            "plugins/test_v5_copy_board.py::test_a_dry_run_writes_nothing_and_counts_as_the_real_run",
            "plugins/test_v5_copy_board.py::test_every_text_that_is_too_long_is_named_before_the_first_write",
        ),
    ),
    33: (
        "optional fields may be missing from any answer",
        (
            "plugins/test_v5_actions.py::test_boards_are_listed_with_the_group_boards_to_the_last_page",
            "faults/test_malformed_answers.py::test_no_answer_is_a_surprise",
        ),
    ),
    34: (
        "all Pins come from one listing, page after page, without recursion",
        ("plugins/test_v5_actions.py::test_list_pins_lists_every_pin_of_the_account",),
    ),
    35: (
        "listings are read in the largest pages that there are",
        ("plugins/test_v5_copy_board.py::test_requests_are_few",),
    ),
    36: (
        "a listing that does not show yet what was made is waited for",
        ("plugins/test_v5_copy_board.py::test_a_listing_that_lags_is_waited_for",),
    ),
    37: (
        "texts that are too long are found before the first write, and a link is never cut",
        (
            "plugins/test_v5_copy_board.py::test_every_text_that_is_too_long_is_named_before_the_first_write",
            "plugins/test_v5_copy_board.py::test_a_link_is_never_shortened",
        ),
    ),
    38: (
        "versions of the API live side by side, and an unknown one is found before the run",
        (
            "plugins/test_auth_login.py::test_tokens_of_two_apis_under_one_name_do_not_replace_each_other",
            "core/test_plan.py::test_every_mistake_of_a_plan_is_reported_with_its_place_and_a_hint",
            "plugins/test_v3_and_v5.py::test_a_recipe_gives_the_same_on_both_versions",
            "plugins/test_v3_and_v5.py::test_the_environment_names_the_version_where_a_recipe_does_not",
        ),
    ),
    39: (
        "results, progress and errors have streams of their own, a form for programs, and exit codes",
        (
            "core/test_cli_commands.py::test_a_run_shows_progress_on_stderr_and_its_recap_on_stdout",
            "core/test_cli_commands.py::test_a_run_for_programs_is_one_json_object_and_nothing_else",
            "core/test_cli_program.py::test_each_kind_of_error_has_its_exit_code",
        ),
    ),
    40: (
        "calls are paced by quota, limits are checked beforehand, and Pins can go several at a time",
        (
            "core/test_rate_limiter.py::test_a_saturated_quota_is_used_nearly_whole_and_never_exceeded",
            "plugins/test_v5_copy_board.py::test_the_boards_own_name_is_taken_in_the_same_account",
            "faults/test_kills.py::test_so_it_is_with_four_pins_on_their_way_at_a_time",
        ),
    ),
    41: (
        "a token is sent to the environment that it is of and to no other, and an account is told by its id",
        (
            "plugins/test_auth_precedence.py::test_a_token_goes_only_where_it_came_from",
            "plugins/test_auth_command.py::test_a_token_of_another_environment_is_told_of",
            "plugins/test_auth_login.py::test_a_token_of_another_account_is_replaced_only_after_confirmation",
        ),
    ),
}


def test_every_trap_is_held() -> None:
    assert list(TRAPS) == list(range(1, 42))
    assert all(what and tests for what, tests in TRAPS.values())


@cache
def functions(file: str) -> set[str]:
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("number", TRAPS)
def test_the_tests_that_hold_it_are_there(number: int) -> None:
    named = (test.split("::") for test in TRAPS[number][1])
    assert [(file, name) for file, name in named if name not in functions(file)] == []
