/* Between the two files of the port. */
#ifndef TCE_PORT_ESPIDF_H
#define TCE_PORT_ESPIDF_H

#include "tce_flash.h"

/* The two slots in the partition "labels"; slot_sectors = 0 where there is no such partition. */
void tce_port_espidf_labels(tce_flash *flash);

#endif
