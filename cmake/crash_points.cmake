# Builds for tests/crash in which a process can be killed at any named point (base/crash_point.h): only
# sources that have such points are compiled anew, all other objects are those of the build itself.

# Absolute paths of the target's sources that have points.
function(ada_pointed_sources target out)
    get_target_property(sources ${target} SOURCES)
    get_target_property(folder ${target} SOURCE_DIR)
    set(found)
    foreach(source IN LISTS sources)
        get_filename_component(path ${source} ABSOLUTE BASE_DIR ${folder})
        file(STRINGS ${path} hit REGEX "CRASH_POINT(_WRITE)?\\(" LIMIT_COUNT 1)
        if(hit)
            list(APPEND found ${path})
        endif()
    endforeach()
    set(${out} ${found} PARENT_SCOPE)
endfunction()

# The objects of a target without those of sources that have points.
function(ada_unpointed_objects target out)
    ada_pointed_sources(${target} pointed)
    set(objects $<TARGET_OBJECTS:${target}>)
    foreach(source IN LISTS pointed)
        get_filename_component(name ${source} NAME_WE)
        set(objects "$<FILTER:${objects},EXCLUDE,/${name}[.]c[.]o$>")
    endforeach()
    set(${out} ${objects} PARENT_SCOPE)
endfunction()

# A program with crash points in its layers. NAME exists already.
#   ada_crashing(NAME layer...)
function(ada_crashing name)
    target_sources(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/crash/crash_point.c)
    target_compile_definitions(${name} PRIVATE ADATRACE_CRASH_POINTS)
    target_link_libraries(${name} PRIVATE ada_settings Threads::Threads)
    foreach(layer IN LISTS ARGN)
        ada_pointed_sources(${layer} pointed)
        ada_unpointed_objects(${layer} objects)
        target_sources(${name} PRIVATE ${pointed} ${objects})
    endforeach()
endfunction()
