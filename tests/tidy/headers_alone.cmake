# SPDX-License-Identifier: Apache-2.0
# Each header is compiled alone, so that it includes what it needs. One generated .c a
# header, in an object library; what does not compile breaks the build.
set(headers_folders ${WINNOW_FOLDERS})
list(REMOVE_ITEM headers_folders bench)
set(headers_sources "")
foreach(folder ${headers_folders})
  file(GLOB_RECURSE headers RELATIVE "${PROJECT_SOURCE_DIR}" CONFIGURE_DEPENDS
    "${PROJECT_SOURCE_DIR}/${folder}/*.h")
  foreach(header ${headers})
    string(REPLACE "/" "_" name "${header}")
    set(source "${CMAKE_CURRENT_BINARY_DIR}/alone/${name}.c")
    file(CONFIGURE OUTPUT "${source}" CONTENT
      "#include \"${header}\"\n#include \"${header}\"\nextern int alone;\n")
    list(APPEND headers_sources "${source}")
  endforeach()
endforeach()
add_library(headers_alone OBJECT ${headers_sources})
# Their include folders come from the libraries that own them.
foreach(library base base_sys core samplers pruners store proto agent_core agent
    coordinator cli)
  if(TARGET ${library})
    target_link_libraries(headers_alone PRIVATE ${library})
  endif()
endforeach()
