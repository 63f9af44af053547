# `adatrace record` and the commands that ask a running session: what needs the recording side.
# How sessions are found and asked; unit tests link it, too.
add_library(ada_cli_session OBJECT
    metrics_file.c
    metrics_http.c
    metrics_table.c
    metrics_text.c
    session_client.c
    session_find.c
    session_stats.c)
target_link_libraries(ada_cli_session PUBLIC ada_settings ${CMAKE_DL_LIBS})
# Not linked: loaded when metrics are to be served, so that no other command pays for it.
target_include_directories(ada_cli_session PRIVATE ${MICROHTTPD_INCLUDE_DIRS})
target_compile_definitions(ada_cli_session PRIVATE METRICS_HTTP_LIBRARY="libmicrohttpd.so.12")

target_sources(adatrace-command PRIVATE
    cmd_disable.c
    cmd_enable.c
    cmd_list.c
    cmd_pause.c
    cmd_record.c
    cmd_recover.c
    cmd_replay.c
    cmd_resume.c
    cmd_rotate.c
    cmd_set.c
    cmd_snapshot.c
    cmd_stop.c
    cmd_tail.c
    cmd_top.c
    live_source.c
    live_symbols.c
    live_window.c
    record_agent.c
    record_child.c
    record_files.c
    record_metrics.c
    record_output.c
    record_signals.c
    record_talk.c
    record_triggers.c
    recover_file.c
    recover_say.c
    replay.c
    replay_exec.c
    replay_player.c
    replay_types.c
    steer_session.c
    top_calls.c
    top_model.c
    top_screen.c
    top_view.c)
# Where the agent is installed, seen from where the command is: the installed tree can be moved.
file(RELATIVE_PATH _agent_from_bin
    ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR}/adatrace)
target_compile_definitions(adatrace-command PRIVATE
    ADATRACE_AGENT_FROM_BIN="${_agent_from_bin}")
target_link_libraries(adatrace-command PRIVATE ada_cli_session ada_collector ada_drain ada_rings ada_registry
    ada_tracer)
target_link_libraries(adatrace-command PRIVATE PkgConfig::NCURSES)
