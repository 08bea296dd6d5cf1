# SPDX-License-Identifier: Apache-2.0
"""Each acceptance test of lambda-simulator 0.1.5 and what holds the same here; the rows are its features D-1 to D-20. Where AWS
does otherwise than the simulator (400 instead of 404 for an unknown id, an opaque body instead of one that has to be JSON, TCP
sinks, an environment that ends with an extension that crashed) the counterpart holds what AWS does.

A counterpart is FILE::NAME without "test_": of a Python file here, of a unit test ("unit/..."), or the title of a script in
tests/unit/environment_scripts.h ("scripts::...")."""
import functools
import re
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
UNIT = HERE.parent / "unit"

LATE = ["test_extensions::readiness_timeout", "scripts::a readiness timeout lets the environment go on"]
OVERHEAD = ["test_telemetry::figures_of_an_invocation", "test_extensions::the_report_has_their_time_in_it"]
FROZEN = ["test_freeze::stands_still_between_events", "test_control::frozen_by_itself"]
EPOCH = ["test_control::freeze_and_thaw", "scripts::not frozen when work waits"]
SPAWNED = ["test_control::sees_what_others_invoke", "test_extensions::registers_and_gets_its_events"]
TOLD = ["test_extensions::registers_and_gets_its_events", "test_control::shutdown"]

ROWS = {
    "D-1": {
        "basic_invocation_flow": ["test_runtime_api::response", "test_control::sees_what_others_invoke"],
        "headers_on_next_invocation": ["test_runtime_api::next_headers"],
        "long_poll_behavior": ["test_runtime_api::dead_poll_never_swallows_an_event", "test_control::restore"],
        "multiple_invocations": ["test_supervision::fifo", "test_control::states_of_an_invocation"],
    },
    "D-2": {
        "duplicate_response_first_wins": ["test_runtime_api::state_machine"],
        "response_after_error_rejected": ["test_runtime_api::state_machine", "test_runtime_states::the_id_is_checked_before_everything_else"],
        "invalid_request_id_returns_404": ["test_runtime_states::the_id_is_checked_before_everything_else"],
        "malformed_json_body_returns_bad_request": ["test_runtime_states::error_bodies_are_verbatim", "test_runtime_api::response"],
        "response_exceeding_6mb_returns_payload_too_large": ["test_runtime_api::too_large_response"],
        "response_just_under_6mb_is_accepted": ["test_runtime_api::too_large_response"],
        "response_after_deadline_accepted_or_rejected": ["test_runtime_states::an_answer_to_a_timed_out_event_reaches_nobody"],
    },
    "D-3": {"invocation_error": ["test_invoke::function_error", "test_control::sees_what_others_invoke"]},
    "D-4": {"init_error": ["test_supervision::init_error", "test_control::init_error"]},
    "D-5": {"concurrent_next_calls_each_receive_invocation": ["test_runtime_states::two_parked_polls_get_one_event_each"]},
    "D-6": {
        "extension_registration": ["test_extensions_api::register", "test_control::waits_come_true"],
        "multiple_extensions": ["test_extensions_api::ten_at_most", "test_control::waits_come_true"],
        "extension_registration_requires_name_header": ["test_extensions_api::register_without_a_name"],
        "next_event_requires_identifier_header": ["test_extensions_api::identifiers"],
        "next_event_with_invalid_extension_id": ["test_extensions_api::identifiers"],
        "extension_next_before_registration_returns_forbidden": ["test_extensions_api::identifiers"],
        "registration_response_includes_function_metadata_headers": ["test_extensions_api::register"],
        "registration_with_empty_events_array_succeeds": ["test_extensions_api::register_bodies", "test_extensions::only_subscribed_events"],
        "registration_after_init_phase_rejected": ["test_extensions_api::registration_closes_when_the_runtime_is_ready"],
        "registration_during_shutdown_rejected": ["test_extensions_api::nothing_runs", "scripts::before anything was started"],
    },
    "D-7": {
        "extension_receives_invoke_event": ["test_extensions::registers_and_gets_its_events"],
        "extension_not_subscribed_to_invoke": ["test_extensions::only_subscribed_events"],
        "combined_runtime_and_extension": ["test_extensions::deadline_and_trace_are_the_runtimes"],
        "multiple_invocations_to_extension": ["test_extensions::only_subscribed_events"],
        "event_routing_by_subscription": ["test_extensions::only_subscribed_events"],
        "invoke_event_deadline_equals_created_at_plus_timeout": ["test_extensions::registers_and_gets_its_events"],
        "deadline_header_calculated_correctly": ["test_runtime_api::next_headers"],
        "invoke_event_arn_has_correct_format": ["test_extensions::registers_and_gets_its_events"],
        "trace_context_included_in_invoke_event": ["test_extensions::registers_and_gets_its_events"],
    },
    "D-8": {
        "extension_readiness_with_single_extension": ["scripts::the answer does not wait for extensions, the next event does"],
        "extension_readiness_with_multiple_extensions": ["scripts::all of several extensions"],
        "extension_readiness_timeout": LATE,
        "no_invoke_extensions_immediate_report": ["scripts::only those that take INVOKE", "test_telemetry::overhead_only_with_invoke_subscribers"],
        "wait_for_extensions_ready_helper": ["test_control::states_of_an_invocation"],
        "readiness_tracking_per_subscription": ["scripts::only those that take INVOKE"],
        "readiness_timeout_when_extension_never_calls_next": LATE,
        "partial_extension_readiness_triggers_timeout": ["scripts::late extension: the environment is reset at the deadline"] + LATE,
        "zero_timeout_emits_immediate_report": ["scripts::no readiness timeout at all"],
        "timeout_duration_accuracy": LATE,
        "extension_overhead_reflects_timeout": LATE,
        "extension_overhead_included_in_duration": OVERHEAD,
        "duration_includes_extension_overhead": OVERHEAD,
        "extension_overhead_minimal_when_fast": OVERHEAD,
        "extension_overhead_can_exceed_deadline": ["scripts::a readiness timeout needs the runtime all the same"] + LATE,
        "extension_crash_during_invoke_removed_from_readiness": ["scripts::crash during an event", "test_extensions::failures_end_the_invocation"],
        "readiness_state_isolation": ["test_extensions::each_environment_has_its_own"],
    },
    "D-9": {
        "init_start_emitted_on_startup": ["test_telemetry::records_of_the_init_phase"],
        "init_runtime_done_on_first_next": ["test_telemetry::records_of_the_init_phase"],
        "init_report_with_duration": ["test_telemetry::records_of_the_init_phase"],
        "init_telemetry_emitted_only_once": ["test_telemetry::sequence_of_events"],
        "init_telemetry_event_sequence": ["test_telemetry::sequence_of_events"],
        "telemetry_platform_start_event": ["test_telemetry::sequence_of_events"],
        "telemetry_lifecycle_events": ["test_telemetry::sequence_of_events"],
        "event_ordering_preserved": ["test_telemetry::many_invocations_in_order"],
    },
    "D-10": {
        "telemetry_subscription": ["test_telemetry_api::success"],
        "telemetry_requires_extension_identifier": ["test_telemetry_api::identifier"],
        "empty_telemetry_destination_uri_returns_bad_request": ["test_telemetry_api::validation", "unit/telemetry_request_test::complaints"],
        "telemetry_only_http_protocol": ["test_telemetry_delivery::tcp"],
        "telemetry_multiple_event_types": ["test_telemetry::extension_logs_and_replay"],
        "event_filtering_by_type": ["test_telemetry::subscribers_are_independent"],
        "multiple_subscribers": ["test_telemetry::subscribers_are_independent"],
        "multiple_subscribers_receive_events": ["test_telemetry::subscribers_are_independent"],
        "independent_telemetry_subscriptions": ["test_telemetry::subscribers_are_independent"],
        "independent_delivery": ["test_telemetry_delivery::broken_subscribers_do_not_slow_invocations", "unit/telemetry_test::independent"],
        "different_buffering_configs": ["test_telemetry::subscribers_are_independent", "unit/telemetry_test::independent"],
        "buffering_config_respected": ["test_telemetry_delivery::items_fill_a_batch", "test_telemetry_delivery::bytes_fill_a_batch"],
        "events_batched_correctly": ["test_telemetry_delivery::items_fill_a_batch"],
        "telemetry_buffer_overflow_drops_oldest": ["unit/telemetry_test::overflow_drops_the_oldest", "test_telemetry_delivery::memory_is_bounded"],
        "duplicate_subscription_replaces_first": ["unit/telemetry_test::again"],
    },
    "D-11": {
        "telemetry_delivery_to_unreachable_uri_continues_operation": ["test_telemetry_delivery::broken_subscribers_do_not_slow_invocations"],
        "slow_telemetry_endpoint_does_not_block_invocations": ["test_telemetry_delivery::broken_subscribers_do_not_slow_invocations"],
    },
    "D-12": {
        "billed_duration_1ms_granularity": ["test_telemetry::figures_of_an_invocation"],
        "memory_metrics_present": ["test_telemetry::figures_of_an_invocation", "test_reports::max_memory_used_is_measured"],
        "duration_calculated_correctly": ["test_telemetry::figures_of_an_invocation", "test_reports::duration_is_without_queueing_and_init"],
        "cold_start_init_duration": ["test_telemetry::records_of_the_init_phase", "test_telemetry::figures_of_an_invocation"],
    },
    "D-13": {
        "freeze_mode_none_is_default": ["test_freeze::off_by_default"],
        "freeze_mode_none_does_not_freeze": ["test_freeze::off_by_default"],
        "process_mode_without_pid_succeeds_at_build": FROZEN,
        "freeze_without_pid_returns_error": ["test_control::freeze_and_thaw", "scripts::nothing of it before it lives"],
        "freeze_state_epoch_counter": EPOCH,
        "enqueue_increments_epoch": EPOCH,
        "freeze_epoch_prevents_stale_freeze": EPOCH,
        "freeze_cancelled_by_new_invocation": ["test_freeze::runs_while_there_is_work"] + EPOCH,
        "simulator_freeze_helpers": ["test_control::frozen_by_itself"],
        "basic_freeze_unfreeze_with_real_process": ["test_control::freeze_and_thaw"],
        "freeze_state_direct_signal_test": ["test_control::freeze_and_thaw"],
        "force_unfreeze": ["scripts::thawed for the end", "scripts::thawed for an end by hand"],
        "entire_environment_frozen": ["test_freeze::stands_still_between_events", "test_freeze::children_of_the_runtime_too"],
        "dynamic_pid_registration": FROZEN,
        "spawn_with_freeze_mode_registers_pid": FROZEN,
        "freeze_thaw_with_spawned_processes": FROZEN,
        "e2e_with_freeze_mode": FROZEN + ["test_example_extensions::example"],
        "no_freeze_during_shutdown": ["scripts::thawed for the end", "test_freeze::stands_still_between_events"],
        "rapid_successive_invocations": ["test_freeze::burst"],
        "stress_test_rapid_invocations": ["test_freeze::burst"],
    },
    "D-14": {
        "extension_receives_shutdown_event": TOLD,
        "graceful_shutdown_waits_for_extension": ["scripts::spindown", "scripts::SHUTDOWN waits for an extension that is at work"],
        "graceful_shutdown_timeout": ["test_extensions::shutdown_deadline"],
        "graceful_shutdown_with_invoke_and_shutdown_extension": ["test_extensions::only_subscribed_events"],
        "graceful_shutdown_with_no_shutdown_subscribers": ["scripts::internal only", "test_extensions_api::end_with_internal_extensions_only"],
        "shutdown_reason_is_correct": ["test_control::shutdown"],
        "shutdown_deadline_calculated_correctly": TOLD,
        "extension_acknowledgment_tracked": ["scripts::spindown"],
        "telemetry_flushed_on_shutdown": ["test_telemetry::the_last_events_are_delivered_at_shutdown"],
        "server_stopped_after_shutdown": ["test_supervision::stop_leaves_nothing", "test_control::end_at_once"],
        "shutdown_during_invocation_waits_for_completion": ["test_supervision::drain_lets_the_running_finish_and_answers_the_waiting"],
        "new_invocations_blocked_during_shutdown": ["test_control::end_of_the_daemon"],
        "runtime_can_complete_work_during_shutdown": ["test_supervision::drain_lets_the_running_finish_and_answers_the_waiting"],
    },
    "D-15": {
        "spawn_runtime_process": SPAWNED,
        "spawn_extension_process": SPAWNED,
        "spawn_runtime_and_extension_together": ["test_extensions::the_runtime_starts_after_all_have_registered"],
        "process_config_with_additional_env": ["test_config::child_environment", "test_extensions::their_environment"],
        "managed_process_cleanup_on_drop": ["test_supervision::kill_leaves_nothing", "test_freeze::nothing_is_left_when_the_daemon_is_killed"],
        "e2e_with_real_processes": ["test_control::suite_of_an_extension_author"],
    },
    "D-16": {"lambda_env_vars": ["test_config::child_environment"]},
    "D-17": {
        "get_invocation_state, get_all_invocation_states": ["test_control::sees_what_others_invoke"],
        "get_registered_extensions, extension_count": ["test_control::waits_come_true"],
        "get_init_error": ["test_control::init_error"],
        "get_extension_overhead_ms": ["test_control::states_of_an_invocation"],
        "wait_for_phase, wait_for_invocation_complete, wait_for": ["test_control::waits_come_true", "test_control::waits_end"],
        "wait_for_frozen, is_frozen, freeze_epoch": ["test_control::frozen_by_itself", "test_control::freeze_and_thaw"],
        "get_telemetry_events, get_telemetry_events_by_type, clear_telemetry_events": ["test_control::without_a_subscriber"],
        "graceful_shutdown, shutdown": ["test_control::shutdown", "test_control::end_of_the_daemon"],
    },
    "D-18": {"internal_capture_buffer_bounded": ["unit/control_test::events_are_bounded", "unit/control_test::invocations_are_bounded"]},
    "D-19": {
        "auto_generated_trace_id_is_valid": ["test_runtime_api::absent_values_have_no_header_and_a_trace_is_made"],
        "trace_id_format_validated": ["test_invoke::a_trace_is_made_unless_one_is_given"],
    },
    "D-20": {
        "extension init/error, exit/error": ["test_extensions_api::errors", "test_extensions::failures_end_the_invocation"],
        "invocation_timeout_status": ["test_telemetry::timeout", "test_control::timeout"],
        "SHUTDOWN with the reason timeout": ["test_extensions::timeout_tells_the_extension"],
        "function and extension logs": ["test_telemetry::function_logs", "test_telemetry::extension_logs_and_replay"],
        "TCP sink": ["test_telemetry_delivery::tcp"],
        "range validation": ["test_telemetry_api::validation", "unit/telemetry_request_test::complaints"],
    },
}


@functools.cache
def names():
    """FILE::NAME of everything that there is."""
    found = {f"scripts::{title}" for title in re.findall(r'^\t\{ "([^"]+)",', (UNIT / "environment_scripts.h").read_text(), re.M)}
    for path in HERE.glob("test_*.py"):
        found |= {f"{path.stem}::{name}" for name in re.findall(r"^def test_(\w+)\(", path.read_text(), re.M)}
    for path in UNIT.glob("*_test.c"):
        found |= {f"unit/{path.stem}::{name}" for name in re.findall(r"^static void test_(\w+)\(", path.read_text(), re.M)}
    return found


@pytest.mark.parametrize("row", [f"D-{n}" for n in range(1, 21)])
def test_every_upstream_test_has_a_counterpart(row):
    missing = {name: sorted(set(counterparts) - names()) for name, counterparts in ROWS[row].items()}
    assert not {name: gone for name, gone in missing.items() if gone}
    assert all(ROWS[row].values())
