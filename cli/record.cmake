# `adatrace record`: the command's only part that needs the recording side.
target_sources(adatrace-command PRIVATE
    cmd_record.c
    record_agent.c
    record_child.c
    record_output.c
    record_signals.c
    record_talk.c)
# Where the agent is installed, seen from where the command is: the installed tree can be moved.
file(RELATIVE_PATH _agent_from_bin
    ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR}/adatrace)
target_compile_definitions(adatrace-command PRIVATE
    ADATRACE_AGENT_FROM_BIN="${_agent_from_bin}")
target_link_libraries(adatrace-command PRIVATE ada_collector ada_drain ada_registry)
