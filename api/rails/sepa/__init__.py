"""Banks: one reached by HTTP, one by a folder that a transport program empties and fills."""

from api.rails.sepa.folder import FolderBank as FolderBank
from api.rails.sepa.http import SepaRail as SepaRail
